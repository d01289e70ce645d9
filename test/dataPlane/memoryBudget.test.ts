/** Who gets memory, and when: against the rule itself. Threads that wait for it are the subject of threadPool.test.ts. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { MemoryBudget } from '../../src/dataPlane/memoryBudget.js';
import { WorkerTooSmall } from '../../src/errors.js';

const capacity = 100;
const reason = new Error('no longer wanted');

/** Lets everything that was decided come through. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A task asks for bytes, or one that asked before gives up, or one that holds bytes gives them back. */
const anyStep = fc.oneof(
  fc.record({ ask: fc.integer({ min: 0, max: capacity }) }),
  fc.record({ leave: fc.nat() }),
  fc.record({ end: fc.nat() }),
);

describe('MemoryBudget', () => {
  it('serves in the order of asking, never more than there is, and never waits without need', async () => {
    let waited = 0;
    let left = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
        const budget = new MemoryBudget(capacity);
        const granted = new Map<number, () => void>();
        const refused: number[] = [];
        const asked: { bytes: number; abort: AbortController }[] = [];
        // The rule: whoever is first in the queue gets its bytes as soon as they are free.
        let queue: number[] = [];
        const holding = new Set<number>();
        const used = (): number => [...holding].reduce((sum, index) => sum + asked[index]!.bytes, 0);
        const advance = (): void => {
          while (queue.length > 0 && used() + asked[queue[0]!]!.bytes <= capacity) holding.add(queue.shift()!);
        };
        for (const step of steps) {
          if ('ask' in step) {
            const index = asked.push({ bytes: step.ask, abort: new AbortController() }) - 1;
            budget.take(step.ask, asked[index]!.abort.signal).then(
              (give) => granted.set(index, give),
              (error) => {
                assert.equal(error, reason);
                refused.push(index);
              },
            );
            queue.push(index);
          } else if ('leave' in step && queue.length > 0) {
            const index = queue[step.leave % queue.length]!;
            queue = queue.filter((other) => other !== index);
            asked[index]!.abort.abort(reason);
            left++;
          } else if ('end' in step && holding.size > 0) {
            const index = [...holding][step.end % holding.size]!;
            granted.get(index)!();
            granted.delete(index);
            holding.delete(index);
            // Too late to change anything.
            asked[index]!.abort.abort(reason);
          }
          advance();
          waited += queue.length;
          await settle();
          assert.deepEqual(new Set(granted.keys()), holding);
          assert.equal(budget.free, capacity - used());
          assert.equal(refused.filter((index) => queue.includes(index) || holding.has(index)).length, 0);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
    assert.ok(waited > 100 && left > 20, `${waited} waited, ${left} left`);
  });

  it('lets nobody in who has given up before', async () => {
    const budget = new MemoryBudget(capacity);
    const give = await budget.take(capacity, new AbortController().signal);
    await assert.rejects(budget.take(1, AbortSignal.abort(reason)), reason);
    give();
    await assert.rejects(budget.take(1, AbortSignal.abort(reason)), reason);
    assert.equal(budget.free, capacity);
  });

  it('refuses at once what can never fit, and names the bytes', async () => {
    const budget = new MemoryBudget(capacity);
    const { signal } = new AbortController();
    await budget.take(capacity, signal);
    await assert.rejects(budget.take(capacity + 1, signal), (error) => {
      assert.ok(error instanceof WorkerTooSmall);
      assert.deepEqual(error.fields, { needed: 101, capacity: 100 });
      return true;
    });
  });

  it('leaves no listener behind at signals that live on', async () => {
    const budget = new MemoryBudget(capacity);
    const { signal } = new AbortController();
    const first = await budget.take(capacity, signal);
    const second = budget.take(capacity, signal);
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    first();
    await second;
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});
