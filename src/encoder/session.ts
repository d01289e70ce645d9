import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import { ComputeUnavailable } from '../errors.js';
import { productName, rowsName } from './graph.js';
import type { RowType } from './weights.js';

/** What computes: ONNX Runtime's provider, and how many threads of the processor it may use. */
export interface Compute {
  readonly provider: 'cpu' | 'cuda';
  readonly threads: number;
}

// Errors come as exceptions; what ONNX Runtime would print besides helps nobody.
env.logLevel = 'fatal';

/**
 * A model that ONNX Runtime has loaded. It computes in the calling thread, which waits for it, so this belongs into a
 * data thread.
 */
export class Session {
  private constructor(
    private readonly session: InferenceSession,
    private readonly rowType: RowType,
  ) {}

  /** @throws ComputeUnavailable when this machine has no CUDA that can be used */
  static async open(model: Uint8Array, rowType: RowType, { provider, threads }: Compute): Promise<Session> {
    if (provider === 'cuda') requireFullPrecision();
    try {
      return new Session(await InferenceSession.create(model, sessionOptions(provider, threads)), rowType);
    } catch (error) {
      if (provider === 'cpu') throw error;
      throw new ComputeUnavailable(
        `CUDA cannot be used here: ${(error as Error).message}. docs/operations.md says how to install it; ` +
          'or start this worker without it.',
        { compute: provider },
        { cause: error },
      );
    }
  }

  /**
   * @param rows bytes of [count, d], aligned to their type
   * @param product where the result goes, float32 [count, n]; it may lie in a WebAssembly memory
   */
  async run(rows: Uint8Array, count: number, product: Float32Array): Promise<void> {
    await this.session.run(
      { [rowsName]: rowTensor(rows, count, this.rowType) },
      { [productName]: new Tensor('float32', product, [count, product.length / count]) },
    );
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

function sessionOptions(provider: Compute['provider'], threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Fusions could give other bits for another graph; there is nothing to gain by them here.
    graphOptimizationLevel: 'disabled',
    // What a run takes is given back when it ends.
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 4,
    // Threads that wait for work must sleep: cores are shared with transfers and with other workers.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function rowTensor(rows: Uint8Array, count: number, rowType: RowType): Tensor {
  const { buffer, byteOffset, byteLength } = rows;
  switch (rowType) {
    case 'F32':
      return new Tensor('float32', new Float32Array(buffer, byteOffset, byteLength / 4), [
        count,
        byteLength / 4 / count,
      ]);
    case 'F16':
    case 'BF16': {
      const bits = new Uint16Array(buffer, byteOffset, byteLength / 2);
      return new Tensor(rowType === 'F16' ? 'float16' : 'uint16', bits, [count, bits.length / count]);
    }
  }
}

/** TensorFloat-32 keeps 10 bits of each factor. The CUDA libraries read this once, when they are loaded. */
function requireFullPrecision(): void {
  if (process.env.NVIDIA_TF32_OVERRIDE === '0') return;
  throw new ComputeUnavailable(
    'CUDA would round factors to 10 bits: start the worker with NVIDIA_TF32_OVERRIDE=0 in its environment.',
    { compute: 'cuda' },
  );
}
