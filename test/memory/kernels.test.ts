/**
 * The loops in WebAssembly against the same in plain JavaScript. Hashes are the subject of test/shuffle/recordHash.test.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Slab } from '../../src/memory/slab.js';
import { WorkMemory } from '../../src/memory/workMemory.js';

const bankBytes = 5 * 65_536;

function filled(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 37 + seed * 101 + (i >>> 8)) & 255));
}

describe('WorkMemory', () => {
  it('scatters pieces of any length to places in any bank, and leaves out those below zero', () => {
    const memory = new WorkMemory(bankBytes);
    let elsewhere = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 50 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 200 }),
        fc.nat(),
        (length, gap, kept, shift) => {
          memory.reset();
          const stride = length + gap;
          const source = memory.take(kept.length * stride);
          const slab = new Slab(memory, kept.length * length + 4 * bankBytes, 40_000);
          const content = filled(kept.length * stride, length);
          memory.view(source, content.length).set(content);
          const places = kept.map((_, i) => {
            // Spread over the whole slab, in another order.
            const slot = (i * 7919 + shift) % kept.length;
            const position = Math.floor((slot * (slab.length - length)) / kept.length);
            return slab.address(position, length);
          });
          const distinct = places.map((place, i) => (kept[i] && places.indexOf(place) === i ? place : -1));
          for (const [i, place] of distinct.entries()) {
            memory.addresses[i] = place;
            if (place >= 0) memory.view(place, length).fill(0);
            if (place >= 2 ** 32) elsewhere++;
          }
          memory.scatter(source, stride, length, kept.length);
          for (const [i, place] of distinct.entries()) {
            if (place < 0) continue;
            const expected = content.subarray(i * stride, i * stride + length);
            const overlapped = distinct.some((other, j) => j !== i && other >= 0 && Math.abs(other - place) < length);
            if (!overlapped) assert.deepEqual(Buffer.from(memory.view(place, length)), expected);
          }
        },
      ),
      { seed: 1, numRuns: 100 },
    );
    assert.ok(elsewhere > 100, 'nothing went to another bank');
  });

  it('copies columns into records', () => {
    const memory = new WorkMemory();
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        (widths, rows) => {
          memory.reset();
          const width = widths.reduce((sum, bytes) => sum + bytes, 0);
          const records = memory.take(rows * width);
          const expected = Buffer.alloc(rows * width);
          let inRecord = 0;
          for (const [column, bytes] of widths.entries()) {
            const data = filled(rows * bytes, column);
            const address = memory.take(data.length);
            memory.view(address, data.length).set(data);
            memory.copyStrided(address, bytes, records + inRecord, width, bytes, rows);
            for (let row = 0; row < rows; row++)
              data.copy(expected, row * width + inRecord, row * bytes, (row + 1) * bytes);
            inRecord += bytes;
          }
          assert.deepEqual(Buffer.from(memory.view(records, rows * width)), expected);
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  it('keeps its memory from task to task', () => {
    const memory = new WorkMemory(bankBytes);
    const before = memory.take(100_000);
    const labels = memory.takeLabels(1000)[0].buffer;
    const { size } = memory;
    memory.reset();
    assert.equal(memory.take(100_000), before);
    assert.equal(memory.takeLabels(500)[1].length, 500);
    assert.equal(memory.takeLabels(1000)[0].buffer, labels);
    assert.equal(memory.size, size);
    assert.throws(() => memory.take(bankBytes + 1), RangeError);
  });
});
