/** The token stream: any rows come back, from one range; a block of another place is noticed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  blockBytesOf,
  decodeRows,
  encodeStreamFile,
  idBytesOf,
  locateRows,
  newTokens,
  rowsPerFile,
  streamHeaderBytes,
} from '../../src/pages/tokenStream.js';
import { streamOf } from '../support/visualizeRun.js';

const file = 'tokens/00000.bin';

describe('the token stream', () => {
  it('gives back any rows, with ids of 2 and of 4 bytes', () => {
    const rows = 3000;
    const all = streamOf(rows);
    fc.assert(
      fc.property(fc.nat(rows - 1), fc.integer({ min: 1, max: rows }), fc.boolean(), (from, count, wide) => {
        const firstRow = wide ? rowsPerFile : 0;
        const idBytes = wide ? 4 : 2;
        const given = { ...all, ids: all.ids.map((id) => (wide ? id + 70_000 : id)) };
        const bytes = encodeStreamFile(firstRow, given, idBytes);
        const to = Math.min(rows, from + count);
        const place = locateRows(firstRow + from, firstRow + to, idBytes);
        assert.equal(place.file, wide ? 1 : 0);
        const tokens = newTokens(to - from);
        const range = { from: firstRow + from, to: firstRow + to };
        decodeRows(bytes.subarray(place.start, place.end), range, idBytes, tokens, 0, file);
        for (const name of ['ids', 'startsContext', 'startsDocument', 'excluded'] as const) {
          assert.deepEqual(tokens[name], given[name].slice(from, to));
        }
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('takes 2.4 bytes a token where the vocabulary is small', () => {
    assert.equal(blockBytesOf(idBytesOf(65_536)), 2436);
    assert.equal(blockBytesOf(idBytesOf(65_537)), 4484);
    assert.equal(encodeStreamFile(0, streamOf(2049), 2).length, streamHeaderBytes + 3 * 2436);
  });

  it('notices a changed byte, and a block of another place', () => {
    const bytes = encodeStreamFile(0, streamOf(2048), 2);
    const blocks = bytes.subarray(streamHeaderBytes);
    const read = (data: Uint8Array): void => decodeRows(data, { from: 0, to: 2048 }, 2, newTokens(2048), 0, file);
    read(blocks);
    for (const at of [0, 2047, 2048, 2431, 2435, 2436, 4871]) {
      const changed = Uint8Array.from(blocks);
      changed[at]! ^= 4;
      assert.throws(
        () => read(changed),
        new RegExp(`${file} of the run is damaged: the block of row ${at < 2436 ? 0 : 1024} is corrupt`),
      );
    }
    const swapped = Buffer.concat([blocks.subarray(2436), blocks.subarray(0, 2436)]);
    assert.throws(() => read(swapped), /the block of row 0 is corrupt/);
  });
});
