/** The oracle's parts against answers worked out by hand or computed elsewhere. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { findPython, runPython } from '../../support/python.js';
import { readByteLevelTokenizer, writeByteLevelTokenizer } from './byteLevelTokenizer.js';
import { vocabulary } from './cases.js';
import { encode } from './encode.js';
import { fromBits, shortest } from './float32.js';
import { intervalsOf } from './intervals.js';
import { rowHash } from './rowHash.js';
import type { Sae } from './shapes.js';
import { histogramOf, meanOf } from './statistics.js';
import { textOf } from './tokenText.js';

const goldens = JSON.parse(readText('goldens.json')) as {
  hashes: { seed: string; feature: number; row: number; hash: string }[];
  order: Record<string, string>;
  shortest: Record<string, string>;
};

describe('oracle: numbers', () => {
  it('prints float32 numbers as numpy does', () => {
    for (const [bits, text] of Object.entries(goldens.shortest)) {
      assert.equal(shortest(fromBits(Number(bits))), Number(text), `bits ${bits}`);
      assert.equal(shortest(-fromBits(Number(bits))), -Number(text), `bits ${bits}, negative`);
    }
    assert.ok(Object.is(shortest(-0), 0));
  });

  it('hashes rows as xxHash does', async () => {
    for (const { seed, feature, row, hash } of goldens.hashes) {
      assert.equal((await rowHash(seed))(feature, row), BigInt(`0x${hash}`));
    }
    const hash = await rowHash('riffle');
    const rows = Array.from({ length: 10 }, (_, row) => row);
    for (const [feature, order] of Object.entries(goldens.order)) {
      const sorted = rows.toSorted((a, b) => (hash(Number(feature), a) < hash(Number(feature), b) ? -1 : 1));
      assert.equal(sorted.join(' '), order);
    }
  });

  it('has goldens that numpy and xxHash still give', function () {
    const python = findPython('numpy', 'xxhash');
    if (!python) return this.skip();
    assert.equal(runPython(python, readText('goldens.py')), readText('goldens.json'));
  });

  it('sums a mean by octaves from the highest down', () => {
    const large = 2 ** 53;
    assert.equal(meanOf([1, 2, 3, 6]), 3);
    // Two ones together are seen beside 2^53, one after the other they are not.
    assert.equal(meanOf([1, large, 1]), (large + 2) / 3);
    // One and two halves would be seen if they were summed first.
    assert.equal(meanOf([0.5, 1, 0.5, large]), large / 4);
    assert.equal(meanOf([fromBits(1), fromBits(0x800003)]), (0x800004 / 2) * 2 ** -149);
  });

  it('counts in bins of an eighth of an octave, empty ones between included', () => {
    assert.deepEqual(histogramOf([1.25, 1, 1.2, 1.4, 1.12]), {
      edges: [1, 1.125, 1.25, 1.375, 1.5],
      counts: [2, 1, 1, 1],
    });
    assert.deepEqual(histogramOf([0.1]), { edges: [0.09375, 0.1015625], counts: [1] });
  });
});

describe('oracle: intervals', () => {
  const bounds = (activations: number[], count: number | 'quantile') =>
    intervalsOf(activations, count).map(({ from, to }) => [from, to]);

  it('moves edges of equal width to the nearer edge of their bin', () => {
    // 1.6 in [1.5, 1.625), 3.2 in [3, 3.25), 4.8 in [4.5, 5), 6.4 in [6, 6.5)
    assert.deepEqual(bounds([8, 1], 5), [
      [6.5, 8],
      [5, 6.5],
      [3.25, 5],
      [1.625, 3.25],
      [0, 1.625],
    ]);
    // 0.75 is an edge; 0.25 and 0.5, too.
    assert.deepEqual(bounds([1], 4), [
      [0.75, 1],
      [0.5, 0.75],
      [0.25, 0.5],
      [0, 0.25],
    ]);
    assert.deepEqual(bounds([3], 1), [[0, 3]]);
  });

  it('takes the lower edge where both are as near', () => {
    // 2.125 in the middle of [2, 2.25)
    assert.deepEqual(bounds([4.25], 2), [
      [2, 4.25],
      [0, 2],
    ]);
  });

  it('drops edges that fall together or end above the bin of the maximum', () => {
    // Of fiftieths, 8.72 and 8.54 (49, 48) would go to 9; 8.37 to 7.83 (47 to 44) all go to 8, 7.65 to 7.3 to 7.5.
    const max = Math.fround(8.9);
    assert.deepEqual(bounds([max], 50).slice(0, 3), [
      [8, max],
      [7.5, 8],
      [7, 7.5],
    ]);
    // Of a maximum on an edge, the last fiftieth (7.84) goes to the maximum itself.
    assert.deepEqual(bounds([8], 50).slice(0, 2), [
      [8, 8],
      [7.5, 8],
    ]);
  });

  it('moves quantiles to the nearer edge of their bin, counted in activations', () => {
    // Tenths of 6 ones, 3 twos and a hundred: 1 to 3 end in the lower half of the ones, 4 and 5 in the upper half,
    // 6 and 7 in the lower half of the twos, 8 in the upper half, 9 where the hundred begins, in [96, 104).
    assert.deepEqual(bounds([1, 1, 100, 1, 2, 2, 1, 1, 2, 1], 'quantile'), [
      [96, 100],
      [2.25, 96],
      [2, 2.25],
      [1.125, 2],
      [1, 1.125],
      [0, 1],
    ]);
    // The first tenth ends amid the two ones; all other tenths go to 5 or above the bin of the maximum.
    assert.deepEqual(bounds([1, 1, 5, 5, 5, 5, 5, 5, 5, 5], 'quantile'), [
      [5, 5],
      [1, 5],
      [0, 1],
    ]);
  });

  it('puts an edge into the interval above it, and the maximum into the highest', () => {
    const intervals = intervalsOf([8], 4);
    const homes = [8, 6, 5.9, 4, 2, 1.9].map((a) => intervals.findIndex((interval) => interval.contains(a)));
    assert.deepEqual(homes, [0, 0, 1, 1, 2, 3]);
  });
});

describe('oracle: encode', () => {
  const identity = [
    [1, 0],
    [0, 1],
  ];
  const weights = { encoder: identity, decoder: identity };
  const rows = [
    [1, 2],
    [2, 2],
    [-1, 3],
  ];
  const encoded = (sae: Sae, input = rows) => encode(input, sae);

  it('is ReLU of the affine map (standard)', () => {
    const sae: Sae = { ...weights, architecture: 'standard', bias: [0, -2], encoder: [[1, 2], ...identity.slice(1)] };
    // x0 and 2 x0 + x1 - 2
    assert.deepEqual(encoded(sae), [
      [1, 2, 0],
      [2, 4, 0],
    ]);
  });

  it('is zero up to the threshold, and never negative (jumprelu)', () => {
    const sae: Sae = { ...weights, architecture: 'jumprelu', bias: [0, 0], threshold: [1, -5] };
    assert.deepEqual(encoded(sae, [...rows, [0, -1]]), [
      [0, 2, 0, 0],
      [2, 2, 3, 0],
    ]);
  });

  it('is open where the gate is (gated)', () => {
    const sae: Sae = {
      ...{ ...weights, architecture: 'gated' },
      ...{ gateBias: [-1, 0], magnitudeBias: [5, -2], logMagnitude: [0, Math.log(2)] },
    };
    assert.deepEqual(encoded(sae), [
      [0, 7, 0],
      [2, 2, 4],
    ]);
    assert.deepEqual(encoded(sae, [[9, 0.5]])[1], [0]);
  });

  it('keeps the k largest, of equal ones the lower index (topk)', () => {
    const sae: Sae = { ...weights, architecture: 'topk', bias: [0, 0], k: 1 };
    assert.deepEqual(encoded(sae), [
      [0, 2, 0],
      [2, 0, 3],
    ]);
    assert.deepEqual(encoded(sae, [[-2, -1]]), [[0], [0]], 'the largest may be negative');
    const norms = [
      [0, 4],
      [1, 0],
    ];
    assert.deepEqual(encoded({ ...sae, decoder: norms, rescaleByDecoderNorm: true }), [
      [4, 8, 0],
      [0, 0, 3],
    ]);
  });

  it('keeps the largest of each group (groupmax)', () => {
    const sae: Sae = {
      ...{ architecture: 'groupmax', bias: [0, 0, 0, 0], k: 2 },
      encoder: [
        [1, 0, 1, 0],
        [0, 1, 0, 1],
      ],
      decoder: [...identity, ...identity],
    };
    assert.deepEqual(encoded(sae, [[1, 2]]), [[0], [2], [0], [2]]);
    assert.deepEqual(encoded(sae, [[2, 2]]), [[2], [0], [2], [0]]);
  });

  it('normalises, then scales, then subtracts', () => {
    const wide: Sae = { ...weights, architecture: 'standard', bias: [0, 0], encoder: [...identity, [0, 0], [0, 0]] };
    // The norm is 6; times √4.
    assert.deepEqual(encoded({ ...wide, normalization: 'constantNorm' }, [[3, 3, 3, -3]]), [[1], [1]]);
    const scaled: Sae = { ...wide, normalization: 'constantNorm', inputScale: 8, subtracted: [3, 9, 0, 0] };
    assert.deepEqual(encoded(scaled, [[3, 3, 3, -3]]), [[5], [0]]);
    // The mean is 2 and the deviation √2: 1 / (√2 + 1e-5) = 0.7071018
    const [low, high] = encoded({ ...weights, architecture: 'standard', bias: [1, 0], normalization: 'layerNorm' }, [
      [1, 3],
    ]);
    assert.ok(Math.abs(low![0]! - 0.2928982) < 1e-6 && Math.abs(high![0]! - 0.7071018) < 1e-6, `${low} ${high}`);
  });
});

describe('oracle: token text', () => {
  const text = (...tokens: number[][]) => textOf(tokens.map((bytes) => Uint8Array.from(bytes)));

  it('shows a character at the token of its first byte', () => {
    assert.deepEqual(text([0x61, 0xc3], [0xa9], [0x62]), ['aé', '', 'b']);
    assert.deepEqual(text([0xf0], [0x9f, 0x98], [], [0x80, 0x21]), ['😀', '', '', '!']);
  });

  it('shows bytes that belong to no character in hexadecimal', () => {
    assert.deepEqual(text([0xa9], [0x61], [0xf0, 0x9f]), ['\\xa9', 'a', '\\xf0\\x9f']);
    assert.deepEqual(text([0xc3], [0x28]), ['\\xc3', '(']);
    // Overlong, a surrogate, beyond Unicode.
    assert.deepEqual(text([0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]), [
      '\\xc0\\x80',
      '\\xed\\xa0\\x80',
      '\\xf4\\x90\\x80\\x80',
    ]);
  });

  it('keeps byte order marks and replacement characters that the text holds', () => {
    assert.deepEqual(text([0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbd]), ['\ufeff', '\ufffd']);
  });

  it('gives the text back, however it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(40)), (string, cuts) => {
        const bytes = Buffer.from(string, 'utf8');
        const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const texts = textOf(ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end)));
        assert.equal(texts.join(''), bytes.toString('utf8'));
      }),
      { seed: 1 },
    );
  });

  it('reads the tokenizer.json that it writes', () => {
    const tokenizer = readByteLevelTokenizer(writeByteLevelTokenizer(vocabulary, [0]));
    assert.deepEqual(
      vocabulary.map((_, id) => Buffer.from(tokenizer.bytesOf(id))),
      vocabulary.map((bytes) => Buffer.from(bytes)),
    );
    assert.deepEqual(tokenizer.special, [0]);
  });
});

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
