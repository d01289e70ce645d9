/**
 * The cipher against published vectors and OpenSSL, the addresses of streams, and how integers are made of its words.
 * That a shuffle never asks for one stream for two purposes is in streams.test.ts; that the words look random is
 * ChaCha's matter, not tested here beyond `below`.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { Domain, masterKey, nonceWords, RandomStream } from '../../src/shuffle/random.js';
import { chiSquareTest, holm } from '../support/statistics.js';

const key = masterKey('random.test');

describe('RandomStream', () => {
  describe('is ChaCha', () => {
    it('with 20 rounds, by the vectors of RFC 8439', () => {
      const zero = '00'.repeat(32);
      const vectors: [key: string, nonce: string, counter: number, block: string][] = [
        // Section 2.3.2
        [
          '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
          '000000090000004a00000000',
          1,
          '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
            'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
        ],
        // Appendix A.1, numbers 1 to 5
        [
          zero,
          '000000000000000000000000',
          0,
          '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
            'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
        ],
        [
          zero,
          '000000000000000000000000',
          1,
          '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
            '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
        ],
        [
          '00'.repeat(31) + '01',
          '000000000000000000000000',
          1,
          '3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a' +
            '8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0',
        ],
        [
          '00ff' + '00'.repeat(30),
          '000000000000000000000000',
          2,
          '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca' +
            '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
        ],
        [
          zero,
          '000000000000000000000002',
          0,
          'c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7' +
            '8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d',
        ],
      ];
      for (const [keyHex, nonce, counter, block] of vectors) {
        const stream = new RandomStream(Buffer.from(keyHex, 'hex'), 20).seekNonce(counter, ...words(nonce));
        assert.equal(bytes(stream, 16), block);
      }
    });

    it('with 8 rounds, by the vectors of draft-strombergson-chacha-test-vectors (256-bit keys, two blocks)', () => {
      const vectors: [key: string, iv: string, stream: string][] = [
        [
          '0000000000000000000000000000000000000000000000000000000000000000',
          '0000000000000000',
          '3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e984ce172b9216f419f445367456d5619' +
            '314a42a3da86b001387bfdb80e0cfe42d2aefa0deaa5c151bf0adb6c01f2a5adc0fd581259f9a2aadcf20f8fd566a26b' +
            '5032ec38bbc5da98ee0c6f568b872a65a08abf251deb21bb4b56e5d8821e68aa',
        ],
        [
          '0100000000000000000000000000000000000000000000000000000000000000',
          '0000000000000000',
          'cf5ee9a0494aa9613e05d5ed725b804b12f4a465ee635acc3a311de8740489ea289d04f43c7518db56eb4433e498a123' +
            '8cd8464d3763ddbb9222ee3bd8fae3c8b4355a7d93dd8867089ee643558b95754efa2bd1a8a1e2d75bcdb32015542638' +
            '291941feb49965587c4fdfe219cf0ec132a6cd4dc067392e67982fe53278c0b4',
        ],
        [
          '0000000000000000000000000000000000000000000000000000000000000000',
          '0100000000000000',
          '2b8f4bb3798306ca5130d47c4f8d4ed13aa0edccc1be6942090faeeca0d7599b7ff0fe616bb25aa0153ad6fdc88b9549' +
            '03c22426d478b97b22b8f9b1db00cf06470bdffbc488a8b7c701ebf4061d75c5969186497c95367809afa80bd843b040' +
            'a79abc6e73a91757f1db73c8eacfa543b38f289d065ab2f3032d377b8c37fe46',
        ],
        [
          'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
          'ffffffffffffffff',
          'e163bbf8c9a739d18925ee8362dad2cdc973df05225afb2aa26396f2a9849a4a445e0547d31c1623c537df4ba85c70a9' +
            '884a35bcbf3dfab077e98b0f68135f5481d4933f8b322ac0cd762c27235ce2b31534e0244a9a2f1fd5e94498d47ff108' +
            '790c009cf9e1a348032a7694cb28024cd96d3498361edb1785af752d187ab54b',
        ],
        [
          '00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100',
          '0f1e2d3c4b596877',
          '60fdedbd1a280cb741d0593b6ea0309010acf18e1471f68968f4c9e311dca149b8e027b47c81e0353db013891aa5f68e' +
            'a3b13dd2f3b8dd0873bf3746e7d6c567fe882395601ce8aded444867fe62ed8741420002e5d28bb573113a418c1f4008' +
            'e954c188f38ec4f26bb8555e2b7c92bf4380e2ea9e553187fdd42821794416de',
        ],
        [
          'c46ec1b18ce8a878725a37e780dfb7351f68ed2e194c79fbc6aebee1a667975d',
          '1ada31d5cf688221',
          '838751b42d8ddd8a3d77f48825a2ba752cf4047cb308a5978ef274973be374c96ad848065871417b08f034e681fe46a9' +
            '3f7d5c61d1306614d4aaf257a7cff08b16f2fda170cc18a4b58a2667ed962774af792a6e7f3c77992540711a7a136d7e' +
            '8a2f8d3f93816709d45a3fa5f8ce72fde15be7b841acba3a2abd557228d9fe4f',
        ],
      ];
      for (const [keyHex, iv, expected] of vectors) {
        // There the counter has 64 bits, of which the upper ones are our first nonce word.
        const stream = new RandomStream(Buffer.from(keyHex, 'hex')).seekNonce(0, ...words('00000000' + iv));
        assert.equal(bytes(stream, 32), expected);
      }
    });

    it('with 20 rounds, as OpenSSL computes it for any key, nonce and counter', () => {
      const fixed = (length: number): fc.Arbitrary<Uint8Array> =>
        fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(fixed(32), fixed(12), fc.integer({ min: 0, max: 2 ** 32 - 12 }), (k, nonce, counter) => {
          const iv = Buffer.alloc(16);
          iv.writeUInt32LE(counter);
          iv.set(nonce, 4);
          const expected = createCipheriv('chacha20', k, iv).update(Buffer.alloc(600)).toString('hex');
          const stream = new RandomStream(k, 20).seekNonce(counter, ...words(Buffer.from(nonce).toString('hex')));
          assert.equal(bytes(stream, 150), expected);
        }),
        { seed: 1 },
      );
    });

    it('under a key that is SHA-256 of `riffle-shuffle/1`, a zero byte and the seed (pinned: outputs depend on it)', () => {
      for (const seed of ['', 'a', 'ä\u0000🂡']) {
        const expected = createHash('sha256')
          .update(Buffer.from(`riffle-shuffle/1\u0000${seed}`))
          .digest();
        assert.deepEqual(Buffer.from(masterKey(seed)), expected);
      }
      assert.throws(() => new RandomStream(new Uint8Array(31)), RangeError);
    });
  });

  describe('has an address for every use', () => {
    const anyOf = (max: number, ...edges: number[]): fc.Arbitrary<number> =>
      fc.oneof(
        fc.maxSafeNat().map((n) => n % (max + 1)),
        fc.constantFrom(0, 1, max, ...edges),
      );
    const address = fc.tuple(
      fc.constantFrom(Domain.table, Domain.label, Domain.order),
      anyOf(255, 127, 128),
      anyOf(2 ** 48 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 47),
      anyOf(2 ** 32 - 1, 2 ** 31, 2 ** 31 - 1),
    );

    it('from which domain, level, row and node can be read back, so that no two share a nonce', () => {
      fc.assert(
        fc.property(address, (where) => {
          const [first, second, third] = nonceWords(...where);
          for (const word of [first, second, third]) assert.ok(word >= 0 && word < 2 ** 32 && Number.isInteger(word));
          const readBack = [first % 256, Math.floor(first / 256) % 256, Math.floor(first / 65_536) * 2 ** 32 + second];
          assert.deepEqual([...readBack, third], where);
        }),
        { seed: 2, numRuns: 2000 },
      );
    });

    it('where the streams of one cell differ by domain, and all streams of neighbouring cells differ', () => {
      const stream = new RandomStream(key);
      const heads = new Set<string>();
      let streams = 0;
      for (const domain of Object.values(Domain)) {
        for (const level of [0, 1, 2, 255]) {
          for (const row of [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 48 - 1]) {
            for (const node of [1, 2, 3, 2 ** 31, 2 ** 32 - 1]) {
              heads.add(bytes(stream.seek(domain, level, row, node), 4));
              streams++;
            }
          }
        }
      }
      assert.equal(heads.size, streams);
    });

    it('and refuses numbers that do not fit', () => {
      const tooLarge: [number, number, number, number][] = [
        [256, 0, 0, 0],
        [1, 256, 0, 0],
        [1, 0, 2 ** 48, 0],
        [1, 0, 0, 2 ** 32],
      ];
      for (const where of tooLarge) {
        assert.throws(() => nonceWords(...where), RangeError);
      }
    });

    it('that gives the same words again, whatever was drawn in between', () => {
      const stream = new RandomStream(key);
      const first = bytes(stream.seek(Domain.label, 3, 7, 5), 40);
      bytes(stream.seek(Domain.label, 3, 8, 5), 5);
      assert.equal(bytes(stream.seek(Domain.label, 3, 7, 5), 40), first);
    });
  });

  describe('below', () => {
    it('accepts equally many words for each value, for every bound up to 300 and some up to 2^21', () => {
      const bounds = [2 ** 16, 2 ** 16 + 1, 1_000_003, 2 ** 21 - 1, 2 ** 21];
      for (let bound = 1; bound <= 300; bound++) bounds.unshift(bound);
      for (const bound of bounds) {
        const share = Math.floor(2 ** 32 / bound);
        const step = Math.max(1, Math.floor(bound / 300));
        for (let value = 0; value < bound; value += step) assert.equal(acceptedWords(bound, value), share);
      }
    });

    it('takes 53 bits above, and the remainder where whole multiples of the bound end', () => {
      const bounds = [2 ** 21 + 1, 2 ** 22, 1e9 + 7, 2 ** 32, 2 ** 32 + 1, 1e14, 2 ** 52 + 1, 2 ** 53 - 1, 2 ** 53];
      for (const bound of bounds) {
        const wide = 2n ** 53n;
        const multiples = wide - (wide % BigInt(bound));
        const edges = [0n, 1n, BigInt(bound) - 1n, multiples - 1n, multiples, wide - 1n];
        for (const edge of edges.filter((value) => value < wide)) {
          // Three spare bits below each high part are thrown away.
          const { stream, taken } = scripted([Number(edge >> 32n) * 2048 + 7, Number(edge & 0xffffffffn), 0, 5]);
          const value = stream.below(bound);
          const accepted = edge < multiples;
          assert.equal(taken(), accepted ? 2 : 4, `bound ${bound}, value ${edge}`);
          assert.equal(value, accepted ? Number(edge % BigInt(bound)) : 5);
        }
      }
    });

    const draws = 60_000;
    const bounds = [2, 3, 6, 7, 10, 100, 2 ** 21 - 1, 2 ** 21, 2 ** 21 + 1, 3 * 2 ** 51, 2 ** 53 - 1, 2 ** 53];

    it('is uniform over seeded draws', () => {
      const pValues = bounds.map((bound, index) => {
        const stream = new RandomStream(key).seek(Domain.order, 0, index, 1);
        return evenP(bound, () => stream.below(bound));
      });
      assert.ok(Math.min(...holm(pValues)) > 1e-6, String(pValues));
    });

    it('where remainders without rejection are found out', () => {
      const stream = new RandomStream(key).seek(Domain.order, 0, 0, 2);
      assert.ok(evenP(100, () => (stream.uint32() % 256) % 100) < 1e-6);
      assert.ok(evenP(3 * 2 ** 51, () => stream.below(2 ** 53) % (3 * 2 ** 51)) < 1e-6);
    });

    function evenP(bound: number, draw: () => number): number {
      const cells = Math.min(bound, 60);
      const counts = new Array<number>(cells).fill(0);
      for (let i = 0; i < draws; i++) counts[Math.floor((draw() * cells) / bound)]!++;
      const expected = Array.from(counts, (_, cell) => {
        const edge = (at: number): number => (bound < 1000 ? Math.ceil((at * bound) / cells) : (at * bound) / cells);
        return (draws * (edge(cell + 1) - edge(cell))) / bound;
      });
      return chiSquareTest(counts, expected);
    }
  });
});

/** How many of the 2^32 words `below` turns into `value` at once. Only the first of them can be rejected. */
function acceptedWords(bound: number, value: number): number {
  const first = firstWord(bound, value);
  const end = firstWord(bound, value + 1);
  for (const word of [first + 1, end - 1]) {
    if (word >= end || word < first) continue;
    const { stream, taken } = scripted([word, 0xffffffff]);
    assert.equal(stream.below(bound), value);
    if (word > first) assert.equal(taken(), 1);
  }
  const { stream, taken } = scripted([first, 0xffffffff]);
  const drawn = stream.below(bound);
  if (taken() === 1) assert.equal(drawn, value);
  return end - first - (taken() === 1 ? 0 : 1);
}

/** The least word with ⌊word · bound / 2^32⌋ = value. */
function firstWord(bound: number, value: number): number {
  return Number((BigInt(value) * 2n ** 32n + BigInt(bound) - 1n) / BigInt(bound));
}

/** A stream that gives these words. */
function scripted(script: readonly number[]): { stream: RandomStream; taken: () => number } {
  const stream = new RandomStream(key);
  let taken = 0;
  stream.uint32 = () => {
    assert.ok(taken < script.length, 'takes more words than it should');
    return script[taken++]!;
  };
  return { stream, taken: () => taken };
}

function words(nonceHex: string): [number, number, number] {
  const nonce = Buffer.from(nonceHex, 'hex');
  return [nonce.readUInt32LE(0), nonce.readUInt32LE(4), nonce.readUInt32LE(8)];
}

function bytes(stream: RandomStream, count: number): string {
  const buffer = Buffer.alloc(4 * count);
  for (let i = 0; i < count; i++) buffer.writeUInt32LE(stream.uint32(), 4 * i);
  return buffer.toString('hex');
}
