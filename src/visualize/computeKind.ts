import { cpus } from 'node:os';
import { ComputeMismatch, InvalidInput } from '../errors.js';
import type { Compute } from '../encoder/session.js';

/** What a worker computes with, as its settings say: `RIFFLE_COMPUTE` is cpu [cpu] or cuda; one thread for each task. */
export function workerCompute(environment: NodeJS.ProcessEnv): Compute {
  const provider = environment.RIFFLE_COMPUTE ?? 'cpu';
  if (provider === 'cpu' || provider === 'cuda') return { provider, threads: 1 };
  throw new InvalidInput(`RIFFLE_COMPUTE is ${JSON.stringify(provider)}: write cpu or cuda.`);
}

/** What must be equal for results to have the same last bits: the provider, and the model of the processor. */
export function computeKind({ provider }: Pick<Compute, 'provider'>): string {
  return `${provider} ${process.arch} ${cpus()[0]?.model.trim() ?? 'unknown'}`;
}

/** @throws ComputeMismatch when a task that computes is given to a machine of another kind; another worker may take it */
export function checkComputeKind(planned: string, compute: Compute): void {
  const here = computeKind(compute);
  if (here === planned) return;
  throw new ComputeMismatch(
    `This run is computed on ${planned}, and this worker is ${here}: their results may differ in last bits. Start workers ` +
      'of the first kind, or a new run at another output prefix.',
    { planned, here },
  );
}
