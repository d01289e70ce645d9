/**
 * A slab behaves as one flat buffer, also across the seams between parts and between banks, which are made small here.
 * What the kernels compute is the subject of kernels.test.ts.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { PartChecksums, Slab } from '../../src/memory/slab.js';
import { WorkMemory } from '../../src/memory/workMemory.js';

/** Just room for the batch of addresses in the first bank, so that slabs spread over many. */
const bankBytes = 5 * 65_536;
const partBytes = 50_000;
const memory = new WorkMemory(bankBytes);

const anyLength = fc.integer({ min: 0, max: 700_000 });
const anyRange = fc.tuple(fc.nat(), fc.nat(120_000));

function clip([at, wanted]: readonly [number, number], length: number): [position: number, count: number] {
  const position = at % (length + 1);
  return [position, Math.min(wanted, length - position)];
}

/** A slab and a flat buffer with the same pseudo-random bytes. */
function made(length: number): { slab: Slab; flat: Buffer } {
  memory.reset();
  const slab = new Slab(memory, length, partBytes);
  const flat = Buffer.alloc(length);
  for (let at = 0, word = 1; at < length; at++, word = Math.imul(word, 48_271)) flat[at] = word >>> 16;
  slab.write(0, flat);
  return { slab, flat };
}

describe('Slab', () => {
  it('holds what was written, in parts of its size, each with its CRC-32', () => {
    let banks = 0;
    fc.assert(
      fc.property(anyLength, fc.array(anyRange, { maxLength: 4 }), (length, writes) => {
        const { slab, flat } = made(length);
        for (const [index, write] of writes.entries()) {
          const [position, count] = clip(write, length);
          slab.write(position, Buffer.alloc(count, index));
          flat.fill(index, position, position + count);
        }
        const checksums = new PartChecksums(slab);
        const half = Math.floor(length / 2);
        assert.equal(checksums.add(0, half), crc32(flat.subarray(0, half)));
        assert.equal(checksums.add(half, length - half), crc32(flat.subarray(half)));
        const parts = slab.settledParts(checksums);
        assert.deepEqual(Buffer.concat(parts.map(({ bytes }) => bytes)), flat);
        assert.deepEqual(
          parts.map(({ bytes }) => bytes.length),
          Array.from({ length: Math.max(1, Math.ceil(length / partBytes)) }, (_, part) =>
            Math.min(partBytes, length - part * partBytes),
          ),
        );
        for (const part of parts) assert.equal(part.crc32, crc32(part.bytes));
        banks = Math.max(banks, new Set(parts.map(({ bytes }) => bytes.buffer)).size);
      }),
      { seed: 1, numRuns: 60 },
    );
    assert.ok(banks > 2, 'no slab spread over several banks');
  });

  it('gives addresses of what lies together, and −1 of what does not', () => {
    let apart = 0;
    fc.assert(
      fc.property(anyLength, anyRange, (length, range) => {
        const { slab, flat } = made(length);
        const [position, count] = clip(range, length);
        const address = slab.address(position, count);
        if (address < 0) apart++;
        else assert.deepEqual(Buffer.from(memory.view(address, count)), flat.subarray(position, position + count));
      }),
      { seed: 2, numRuns: 200 },
    );
    assert.ok(apart > 10 && apart < 150, `${apart} ranges lie apart`);
  });

  it('hands out records in runs, whole and in order, those on a seam one by one', () => {
    let alone = 0;
    fc.assert(
      fc.property(
        anyLength,
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 1, max: 40 }),
        (length, width, most) => {
          const { slab, flat } = made(length);
          const start = length % 7;
          const count = Math.max(0, Math.floor((length - start) / width));
          const scratch = memory.take(width);
          const runs: Uint8Array[] = [];
          for (const run of slab.recordRuns(start, count, width, most, scratch)) {
            assert.ok(run.count <= most);
            if (run.address === scratch) alone++;
            runs.push(Buffer.from(memory.view(run.address, run.count * width)));
          }
          assert.deepEqual(Buffer.concat(runs), flat.subarray(start, start + count * width));
        },
      ),
      { seed: 3, numRuns: 60 },
    );
    assert.ok(alone > 0, 'no record lay on a seam');
  });
});
