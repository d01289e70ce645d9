/**
 * How a thread's memory is handed out: tasks that follow each other never meet each other's layout, in however many
 * banks. Copies and hashes are the subject of kernels.test.ts, objects in memory of slab.test.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WorkMemory } from '../../src/memory/workMemory.js';

/** The first bank has room for a batch of addresses and little more. */
const bankBytes = 5 * 65_536;

const anyTask = fc.array(fc.integer({ min: 0, max: 120_000 }), { minLength: 1, maxLength: 20 });

describe('WorkMemory, task after task', () => {
  it('hands out places that do not overlap, in as many banks as it takes, and uses them again', () => {
    let banks = 0;
    fc.assert(
      fc.property(fc.array(anyTask, { minLength: 1, maxLength: 4 }), (tasks) => {
        const memory = new WorkMemory(bankBytes);
        const sizes: number[] = [];
        for (const lengths of tasks) {
          memory.reset();
          const addresses = lengths.map((length) => memory.take(length));
          for (const [index, address] of addresses.entries()) memory.view(address, lengths[index]!).fill(index + 1);
          for (const [index, address] of addresses.entries()) {
            const view = memory.view(address, lengths[index]!);
            assert.equal(view.length, lengths[index]);
            assert.ok(
              view.every((byte) => byte === index + 1),
              `place ${index} of ${lengths.join()}`,
            );
            banks = Math.max(banks, Math.floor(address / 2 ** 32) + 1);
          }
          sizes.push(memory.size);
        }
        assert.deepEqual(
          sizes,
          sizes.toSorted((a, b) => a - b),
        );
        // The same tasks once more take nothing new from the machine.
        for (const lengths of tasks) {
          memory.reset();
          for (const length of lengths) memory.take(length);
        }
        assert.equal(memory.size, sizes.at(-1));
      }),
      { seed: 1, numRuns: 60 },
    );
    assert.ok(banks > 3, `${banks} banks`);
  });

  it('finds its targets and its digests again after growth and reset', () => {
    const memory = new WorkMemory(bankBytes);
    const content = Buffer.from('0123456789abcdef');
    const digests = new Set<bigint>();
    for (let task = 0; task < 3; task++) {
      memory.reset();
      const source = memory.take(content.length);
      // From the second place on they lie in other banks.
      const places = Array.from({ length: 4 }, () => memory.take(bankBytes - 70_000));
      memory.view(source, content.length).set(content);
      memory.addresses.set([places[3]!, -1, places[0]!, places[1]!]);
      for (const place of places) memory.view(place, 4).fill(task);
      memory.scatter(source, 4, 4, 4);
      const found = places.map((place) => Buffer.from(memory.view(place, 4)).toString('latin1'));
      assert.deepEqual(found, ['89ab', 'cdef', String.fromCharCode(task).repeat(4), '0123']);
      assert.equal(new Set(places.map((place) => Math.floor(place / 2 ** 32))).size, 4);
      // A record has the same hash in every bank.
      for (const place of places) {
        memory.view(place, content.length).set(content);
        digests.add(memory.addHashes(0n, place, 2, 8));
      }
    }
    assert.equal(digests.size, 1);
  });

  it('grows under views: who takes its memory first may keep them, and who does not must ask again', () => {
    const memory = new WorkMemory();
    const address = memory.take(10);
    const before = memory.view(address, 10);
    before.fill(7);
    memory.take(1_000_000);
    // As documented: growth makes earlier views void, the bytes stay.
    assert.equal(before.length, 0);
    assert.deepEqual([...memory.view(address, 10)], new Array(10).fill(7));
  });

  it('hands out the same labels again, each task its own length, and larger ones when it must', () => {
    const memory = new WorkMemory(bankBytes);
    const bare = memory.size;
    const [order, scratch] = memory.takeLabels(1000);
    order.fill(1);
    scratch.fill(2);
    assert.ok(
      order.every((label) => label === 1),
      'the two are apart',
    );
    assert.equal(memory.size, bare + 8000);
    memory.reset();
    const [fewer, others] = memory.takeLabels(10);
    assert.deepEqual([fewer.length, others.length], [10, 10]);
    assert.equal(fewer.buffer, order.buffer);
    const [more] = memory.takeLabels(1001);
    assert.equal(more.length, 1001);
    assert.equal(memory.size, bare + 8008);
  });
});
