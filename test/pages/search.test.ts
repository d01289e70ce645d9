/** The search index keeps the best features of a token, whatever the number and the order of the slices. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { joinPostings } from '../../src/pages/mergedFiles.js';
import { unpackAll } from '../../src/pages/packReader.js';
import { packItem } from '../../src/pages/packWriter.js';
import { byShare, decodePostings, encodePostings, listedFeatures, type Posting } from '../../src/pages/search.js';
import { Sfc32 } from '../support/sfc32.js';

describe('the search index', () => {
  it('gives back postings', () => {
    const count = fc.nat();
    const posting = fc.record({ token: count, feature: count, hits: count, sampled: count, firing: fc.maxSafeNat() });
    fc.assert(
      fc.property(fc.array(posting), (postings) => {
        const expected = structuredClone({ postings, total: postings.length + 3 });
        const bytes = encodePostings(postings, postings.length + 3);
        assert.deepEqual(decodePostings(bytes, 'search/00000.bin'), expected);
        for (const wrong of [bytes.subarray(1), new Uint8Array(0)]) {
          assert.throws(() => decodePostings(wrong, 'search/00000.bin'), /search\/00000\.bin of the run is damaged/);
        }
      }),
      { seed: 1 },
    );
  });

  it('ranks by share, but few firing tokens count for less', () => {
    const posting = (feature: number, hits: number, sampled: number): Posting => ({
      token: 1,
      feature,
      hits,
      sampled,
      firing: 1,
    });
    const order = [posting(1, 1, 1), posting(2, 200, 200), posting(3, 20, 200), posting(5, 9, 10), posting(4, 9, 10)];
    assert.deepEqual(
      order.sort(byShare).map(({ feature }) => feature),
      [2, 4, 5, 3, 1],
    );
  });

  it('lists the best features of all slices and counts the rest, in whatever order they come', async () => {
    const numbers = new Sfc32(4);
    const all = Array.from({ length: 5000 }, (_, feature): Posting => {
      const sampled = 1 + Math.floor(200 * numbers.uniform());
      const hits = 1 + Math.floor(sampled * numbers.uniform());
      return { token: feature % 5 === 0 ? 1030 : 1025, feature, hits, sampled, firing: sampled };
    });
    const slices = [0, 1, 2, 3].map((part) => all.slice(part * 1250, (part + 1) * 1250));
    const join = (order: readonly number[]): Buffer => {
      const items = order.map((n) => packItem(encodePostings(slices[n]!, slices[n]!.length)));
      return Buffer.concat(joinPostings([...items, undefined], 1, 1100, 'search/00001.bin').parts);
    };
    const file = join([0, 1, 2, 3]);
    assert.deepEqual(join([3, 1, 0, 2]), file);
    const items = await unpackAll(file, 'search/00001.bin');
    assert.equal(items.length, 1100 - 1024);
    assert.deepEqual(
      items.flatMap((item, n) => (item ? [1024 + n] : [])),
      [1025, 1030],
    );
    for (const token of [1025, 1030]) {
      const expected = all.filter((posting) => posting.token === token).sort(byShare);
      const { postings, total } = decodePostings(items[token - 1024]!, '');
      assert.equal(total, expected.length);
      assert.deepEqual(postings, expected.slice(0, listedFeatures));
    }
  });
});
