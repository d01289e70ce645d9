/** How runs are cut, also those that no test can carry out. Plans are made of sizes; nothing is read. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvalidInput, MemoryTooSmall } from '../../src/errors.js';
import { largestBank } from '../../src/memory/bank.js';
import { parsePlanInput, type SizedVisualizeInput } from '../../src/visualize/input.js';
import { activationBytes, bankBytes, mostBytes } from '../../src/visualize/memoryNeeds.js';
import type { VisualizeRun } from '../../src/visualize/run.js';
import { sizedRun } from '../../src/visualize/sizedRun.js';

const GiB = 2 ** 30;

interface Size {
  readonly rows: number;
  readonly width: number;
  readonly features: number;
  readonly dtype?: 'F16' | 'F32';
  readonly k?: number;
  /** Other fields of the input. */
  readonly input?: object;
}

function plan({ rows, width, features, dtype = 'F16', k, input }: Size): VisualizeRun {
  const parsed = parsePlanInput({
    activations: { rows, width, dtype },
    sae: { features, ...(k ? { k } : {}) },
    ...input,
  });
  return sizedRun(parsed as SizedVisualizeInput, 'cpu');
}

/** What every plan keeps. */
function check(run: VisualizeRun): void {
  const { rows } = run.sources;
  assert.ok(mostBytes(run) <= run.plan.memory, `${mostBytes(run)} bytes`);
  assert.ok(bankBytes(run) <= largestBank, `${bankBytes(run)} bytes in one WebAssembly memory`);
  assert.ok(Math.ceil(rows / run.plan.tokenShards) <= 2 ** 31);
  assert.ok(Math.ceil(rows / run.plan.gatherShards) * activationBytes(run) <= largestBank);
}

describe('plans of visualize', () => {
  it('a million features over a hundred million tokens: no task needs more, and there are not too many', () => {
    const run = plan({ rows: 1e8, width: 576, features: 2 ** 20 });
    check(run);
    assert.ok(run.plan.gatherShards <= 1024, `${run.plan.gatherShards} shards of stage 3`);
    assert.ok(run.taskCount(3) <= 50_000, `${run.taskCount(3)} tasks collect`);
  });

  it('token shards have fewer rows than statistics can count', () => {
    check(plan({ rows: 1e11, width: 64, features: 1024, input: { memory: '256GiB' } }));
  });

  it('memory beyond 4 GiB: statistics, cut-offs and rows still lie in one WebAssembly memory', () => {
    check(plan({ rows: 1e6, width: 64, features: 2 ** 20, input: { memory: '64GiB' } }));
    check(plan({ rows: 1e8, width: 2048, features: 32_768, k: 64, input: { memory: '32GiB' } }));
    check(plan({ rows: 1e7, width: 8192, features: 4096, dtype: 'F32', input: { memory: '128GiB' } }));
  });

  it('wide rows: stage 3 is cut until stage 4 has room, too', () => {
    check(plan({ rows: 1e8, width: 4096, features: 4096, dtype: 'F32' }));
  });

  it('a forced cut that cannot be is refused', () => {
    const forced = { rows: 1e10, width: 64, features: 64, input: { tokenShards: 1, memory: '64GiB' } };
    assert.throws(() => plan(forced), InvalidInput);
  });

  it('the least memory that a refusal names is enough', () => {
    const sizes = fc.record({
      rows: fc.constantFrom(1, 1000, 1e6, 1e8),
      width: fc.constantFrom(1, 64, 4096),
      features: fc.constantFrom(1, 5000, 200_000),
      k: fc.constantFrom(undefined, 32),
      memory: fc.constantFrom('1MiB', '80MiB', '300MiB', '1GiB'),
      window: fc.constantFrom({}, { before: 1000 }),
      featuresPerPack: fc.constantFrom(1000, 4096),
    });
    let refused = 0;
    fc.assert(
      fc.property(sizes, ({ memory, window, featuresPerPack, k, ...size }) => {
        const made = (bytes: string | number): VisualizeRun =>
          plan({
            ...size,
            ...(k ? { k: Math.min(k, size.features) } : {}),
            input: { memory: bytes, window, featuresPerPack },
          });
        try {
          check(made(memory));
        } catch (error) {
          assert.ok(error instanceof MemoryTooSmall, String(error));
          refused++;
          const least = Number(error.fields.leastMemory);
          assert.ok(least < 16 * GiB, `${least} bytes`);
          check(made(least));
        }
      }),
      { seed: 5, numRuns: 40 },
    );
    assert.ok(refused > 5 && refused < 35, `${refused} refusals`);
  });
});
