/** The columns that visualize reads, in the layouts in which people have them, from a real S3. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { readActivations } from '../../src/dump/activationRows.js';
import { openDump } from '../../src/dump/dump.js';
import type { Dump } from '../../src/dump/dump.js';
import { checkReadingOrder, checkTokenIds, readTokenRows } from '../../src/dump/tokenRows.js';
import type { TokenRows } from '../../src/dump/tokenRows.js';
import type { PlacedDataset } from '../../src/formats/concatenation.js';
import { describe as describeShards } from '../../src/formats/describe.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { columnData, makeDump } from '../support/makeDump.js';
import type { MadeColumn } from '../support/makeDump.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';

const width = 6;

/** 40 tokens in contexts of 5. */
const rows = 40;
const contextLength = 5;

const column = (
  name: string,
  dtype: string,
  shape: readonly number[],
  value: (i: number) => number | bigint = (i) => (i * 7919) % 65_521,
): MadeColumn => ({ name, dtype, shape, value });

const activations = column('activations', 'F16', [width]);
const tokens = column('tokens', 'I32', [], (i) => (i * 31) % 50);
const context = column('context', 'I32', [], (i) => 700 + Math.floor(i / contextLength));
const position = column('position', 'I32', [], (i) => i % contextLength);
const document = column('document', 'I32', [], (i) => Math.floor(i / 17));

describe('a dump', () => {
  let s3: TestBucket;

  before(async function () {
    this.timeout(stackTimeout);
    s3 = await openTestBucket();
  });
  after(() => {
    s3.store.close();
  });

  const made = (columns: readonly MadeColumn[], cuts: readonly number[] = [11, 0, 1, 28]): Promise<PlacedDataset> =>
    makeDump(s3, columns, cuts);

  /** Activations and integers of rows [first, end), as plain arrays. */
  async function read(dump: Dump, first = 0, end = dump.rows, store: ObjectStore = s3.store): Promise<Shown> {
    const target = new Uint8Array((end - first) * dump.rowBytes);
    await readActivations(store, dump, first, end - first, target);
    const integers = await readTokenRows(store, dump, first, end - first);
    return { activations: Buffer.from(target), ...shown(integers) };
  }

  interface Shown {
    activations: Buffer;
    tokens: number[];
    context: number[] | null;
    position: number[] | null;
    document: number[] | null;
  }

  function shown(found: TokenRows): Omit<Shown, 'activations'> {
    const list = (values: Float64Array | null): number[] | null => values && [...values];
    return {
      tokens: [...found.tokens],
      context: list(found.context),
      position: list(found.position),
      document: list(found.document),
    };
  }

  /** What rows [first, end) of the columns above hold. */
  function expected(first = 0, end = rows, of: MadeColumn = activations): Shown {
    const range = Array.from({ length: end - first }, (_, i) => first + i);
    const list = (each: MadeColumn): number[] => range.map((row) => Number(each.value(row)));
    return {
      activations: columnData({ ...of, shape: [width] }, first, end - first),
      tokens: list(tokens),
      context: list(context),
      position: list(position),
      document: list(document),
    };
  }

  it('is read in any range of rows, over shards of any cut and any order of columns', async () => {
    const wide = [
      ['I8', 'U8'],
      ['I16', 'U16'],
      ['I32', 'U32'],
      ['I64', 'U64'],
    ].flat();
    const anyCuts = fc
      .array(fc.nat(12), { maxLength: 8 })
      .map((cuts) => [...cuts.filter((_, i, all) => sum(all.slice(0, i + 1)) < rows), 0])
      .map((cuts) => [...cuts, rows - sum(cuts)]);
    const anyOrder = fc.array(fc.array(fc.nat(), { minLength: 5, maxLength: 5 }), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          separate: fc.boolean(),
          cuts: fc.tuple(anyCuts, anyCuts),
          order: anyOrder,
          dtype: fc.constantFrom('F16', 'BF16', 'F32'),
          integers: fc.array(fc.constantFrom(...wide), { minLength: 4, maxLength: 4 }),
          ranges: fc.array(fc.tuple(fc.nat(rows), fc.nat(rows)), { minLength: 3, maxLength: 3 }),
        }),
        async ({ separate, cuts, order, dtype, integers, ranges }) => {
          const vectors = { ...activations, dtype };
          const small = { ...context, value: (i: number) => Math.floor(i / contextLength) };
          const columns = [tokens, small, position, document].map((each, i) => ({ ...each, dtype: integers[i]! }));
          const inOrder = (of: readonly MadeColumn[]) => (shard: number) =>
            of
              .map((each, i) => ({ each, key: order[shard]![i]! }))
              .sort((a, b) => a.key - b.key)
              .map(({ each }) => each);
          const put = (of: readonly MadeColumn[], cut: readonly number[]): Promise<PlacedDataset> =>
            makeDump(s3, of, cut, undefined, inOrder(of));
          const first = await put(separate ? [vectors] : [vectors, ...columns], cuts[0]);
          const dump = openDump(first, separate ? await put(columns, cuts[1]) : first, width);
          assert.equal(dump.rows, rows);
          for (const [a, b] of ranges) {
            const [from, to] = a < b ? [a, b] : [b, a];
            const contexts = { context: expected(from, to).context!.map((each) => each - 700) };
            assert.deepEqual(await read(dump, from, to), { ...expected(from, to, vectors), ...contexts });
          }
        },
      ),
      { seed: 1, numRuns: 15 },
    );
  });

  it('the sample, as it is', async () => {
    const place = s3.newPlace();
    for (let index = 0; index < 4; index++) {
      const name = `0000${index}.safetensors`;
      const file = await readFile(new URL(`../../examples/dump/${name}`, import.meta.url));
      await s3.store.put({ bucket: place.bucket, key: place.prefix + name }, [file]);
    }
    const { dataset } = await describeShards(s3.store, place);
    const dump = openDump({ place, dataset }, { place, dataset }, 576);
    assert.deepEqual(dump.known, { context: true, position: true, document: true });
    assert.deepEqual([dump.rows, dump.dtype, dump.rowBytes, dump.contextLength], [8192, 'F16', 1152, undefined]);
    const found = await read(dump, 2000, 2100);
    assert.deepEqual(
      found.position,
      Array.from({ length: 100 }, (_, i) => (2000 + i) % 128),
    );
    checkReadingOrder(dump, await readTokenRows(s3.store, dump, 0, dump.rows));
    assert.throws(() => openDump({ place, dataset }, { place, dataset }, 577), {
      code: 'ColumnUnusable',
      message: /"activations" .* F16 \[576\] a record, but the SAE takes activations of \[577\]/,
    });
  });

  describe('in other layouts', () => {
    it('[n, context, d] in BF16 with tokens [n, context] in I64, as Llamascopium writes them', async () => {
      const stored = column('activation', 'BF16', [contextLength, width]);
      const source = await makeDump(
        s3,
        [column('tokens', 'I64', [contextLength], tokens.value), stored],
        [3, 4, 1],
        (chunk) => `chunk-${String(chunk).padStart(8, '0')}.safetensors`,
      );
      const meta = { bucket: source.place.bucket, key: `${source.place.prefix}chunk-00000000.meta.json` };
      await s3.store.put(meta, [Buffer.from('[{"context_idx": 0}]')]);
      const { dataset, ignored } = await describeShards(s3.store, source.place);
      assert.deepEqual([dataset.rows, ignored, dataset.shards.length], [8, 1, 3]);
      const dump = openDump({ ...source, dataset }, { ...source, dataset }, width, { activations: 'activation' });
      assert.deepEqual([dump.rows, dump.contextLength], [rows, contextLength]);
      assert.deepEqual(dump.known, { context: true, position: true, document: false });
      const implied = { context: expected(13, 22).context!.map((each) => each - 700), document: null };
      assert.deepEqual(await read(dump, 13, 22), { ...expected(13, 22, { ...stored, dtype: 'BF16' }), ...implied });
    });

    it('activations [n, context, d] beside tokens that are flat, and the other way round', async () => {
      const deep = await made([column('activations', 'F16', [contextLength, width])], [8]);
      const flat = await made([tokens, document]);
      const implied = { context: expected().context!.map((each) => each - 700) };
      assert.deepEqual(await read(openDump(deep, flat, width)), { ...expected(), ...implied });
      const both = await made([column('tokens', 'U16', [contextLength], tokens.value)], [2, 6]);
      const found = await read(openDump(await made([activations]), both, width));
      assert.deepEqual(found, { ...expected(), ...implied, document: null });
    });

    it('one context and document a record, and columns beside the activations', async () => {
      const perRecord = [
        column('context', 'I64', [], (record) => 700 + record),
        column('document', 'U8', [1], (record) => record * 3),
      ];
      const source = await made([column('activations', 'F16', [contextLength, width]), ...perRecord], [3, 5]);
      const dump = openDump(source, await made([tokens]), width);
      const documents = Array.from({ length: 20 }, (_, i) => 3 * Math.floor((13 + i) / contextLength));
      assert.deepEqual(await read(dump, 13, 33), { ...expected(13, 33), document: documents });
      const together = await made(
        [
          column('activations', 'F16', [contextLength, width]),
          column('tokens', 'I32', [contextLength], tokens.value),
          ...perRecord,
        ],
        [3, 5],
      );
      const found = await read(openDump(together, together, width), 13, 33);
      assert.deepEqual(found, { ...expected(13, 33), document: documents });
    });

    it('heads, and a dimension of one', async () => {
      for (const shape of [[2, 3], [1, width], [1, 2, 3], [6]]) {
        const source = await made([{ ...activations, shape }, tokens, context, position, document]);
        const dump = openDump(source, source, width);
        assert.equal(dump.contextLength, undefined);
        assert.deepEqual(await read(dump), expected());
      }
      const heads = await made([column('activations', 'F16', [contextLength, 3, 2])], [8]);
      assert.equal(openDump(heads, await made([tokens]), width).contextLength, contextLength);
    });

    it('other names; what lacks is null', async () => {
      const source = await made([
        { ...activations, name: 'hook' },
        { ...tokens, name: 'ids' },
        { ...context, name: 'ctx' },
        { ...position, name: 'document' },
      ]);
      const names = { activations: 'hook', tokens: 'ids', context: 'ctx', position: 'document', document: undefined };
      const dump = openDump(source, source, width, names);
      assert.deepEqual(await read(dump), { ...expected(), document: expected().position });
      const bare = await made([activations, tokens]);
      const nothing = openDump(bare, bare, width);
      assert.deepEqual(nothing.known, { context: false, position: false, document: false });
      assert.deepEqual(await read(nothing), { ...expected(), context: null, position: null, document: null });
      checkReadingOrder(nothing, await readTokenRows(s3.store, nothing, 0, rows));
    });

    it('neighbouring columns of integers take one request, activations one into the memory of the caller', async () => {
      const source = await made([activations, tokens, context, position, document], [rows]);
      const dump = openDump(source, source, width);
      const targets: Uint8Array[] = [];
      const store = override(s3.store, {
        readInto: (object, range, target, options) => {
          targets.push(target);
          return s3.store.readInto(object, range, target, options);
        },
      });
      await readTokenRows(store, dump, 3, 20);
      assert.equal(targets.length, 1);
      const memory = new Uint8Array(20 * dump.rowBytes);
      let arrived = 0;
      await readActivations(store, dump, 3, 20, memory, { onBytes: (bytes) => (arrived += bytes) });
      assert.deepEqual([targets.length, arrived], [2, memory.length]);
      assert.equal(targets[1]!.buffer, memory.buffer);
      await assert.rejects(readActivations(store, dump, 3, 20, memory.subarray(1)), RangeError);
      await assert.rejects(readActivations(store, dump, 21, 20, memory), RangeError);
    });
  });

  describe('is refused', () => {
    const all = [activations, tokens, context, position, document];
    const replaced = (name: string, change: Partial<MadeColumn>): MadeColumn[] =>
      all.map((each) => (each.name === name ? { ...each, ...change } : each));
    const wrong: Record<string, [columns: MadeColumn[], message: RegExp]> = {
      'no activations': [all.slice(1), /no column "activations" in s3:\S+ \("tokens", "context", /],
      'no tokens': [[activations], /no column "tokens" in s3:\S+ \("activations"\): say in columns\.tokens/],
      'activations in F64': [replaced('activations', { dtype: 'F64' }), /"activations" of s3:\S+ is F64 \[6\]/],
      'activations of another width': [
        replaced('activations', { shape: [4] }),
        /is F16 \[4\].*of \[6\], or of \[context, 6\]/,
      ],
      'activations of four dimensions': [replaced('activations', { shape: [1, 1, 6] }), /is F16 \[1, 1, 6\]/],
      'contexts of no tokens': [replaced('activations', { shape: [0, 6] }), /is F16 \[0, 6\]/],
      'tokens in F32': [replaced('tokens', { dtype: 'F32' }), /"tokens" .* F32 \[\] .* integers/],
      'tokens in two dimensions': [replaced('tokens', { shape: [1, 1] }), /"tokens" .* I32 \[1, 1\]/],
      'positions in BOOL': [replaced('position', { dtype: 'BOOL' }), /"position" .* BOOL/],
      'two contexts a token': [replaced('context', { shape: [2] }), /"context" .* I32 \[2\] .* a record has 1 token/],
    };
    for (const [name, [columns, message]] of Object.entries(wrong)) {
      it(`for ${name}`, async () => {
        const source = await made(columns);
        assert.throws(() => openDump(source, source, width), { code: 'ColumnUnusable', message });
      });
    }

    it('for a column that was named and is not there, and for one position a context', async () => {
      const source = await made(all);
      assert.throws(() => openDump(source, source, width, { document: 'doc' }), {
        code: 'ColumnUnusable',
        message: /"doc".*columns\.document/,
      });
      const deep = await made([column('activations', 'F16', [contextLength, width]), position], [8]);
      assert.throws(() => openDump(deep, deep, width, { tokens: 'position' }), { code: 'DatasetsDiffer' });
      const flat = await made([tokens]);
      assert.throws(() => openDump(deep, flat, width), { code: 'ColumnUnusable', message: /"position".*5 tokens/ });
    });

    it('for other counts of tokens, and contexts of other lengths', async () => {
      const source = await made([activations], [rows - 1]);
      assert.throws(() => openDump(source, source, width, { tokens: 'activations' }), { code: 'ColumnUnusable' });
      const ids = await made([tokens]);
      assert.throws(() => openDump(source, ids, width), {
        code: 'DatasetsDiffer',
        message: /39 activations \(39 records of 1\).*40 tokens \(40 records of 1\)/,
      });
      const deep = await made([column('activations', 'F16', [contextLength, width])], [8]);
      const other = await made([column('tokens', 'I32', [8])], [5]);
      assert.throws(() => openDump(deep, other, width), { code: 'ColumnUnusable', message: /of 5 .* of 8 tokens/ });
    });

    it('for the output of a shuffle', async () => {
      const source = await made(all);
      const digest = '0'.repeat(32);
      const shuffle = { layout: '0'.repeat(64), seed: 's', blockRows: 1, outputShardRows: 1, digest };
      const shuffled = { ...source, dataset: { ...source.dataset, shuffle } };
      for (const [a, b, field] of [
        [shuffled, source, 'activations'],
        [source, shuffled, 'tokens'],
      ] as const) {
        assert.throws(() => openDump(a, b, width), {
          code: 'InvalidInput',
          message: new RegExp(`^${field} is .*shuffle`),
        });
      }
    });

    const values: Record<string, [name: string, dtype: string, value: bigint, message: RegExp]> = {
      'a negative token': ['tokens', 'I32', -1n, /^Row 13 of s3:\S+ has -1 in column "tokens".*2\^31/],
      'a token of 32 bits': ['tokens', 'U32', 2n ** 31n, /Row 13 .* 2147483648 /],
      'a token of 40 bits': ['tokens', 'I64', 2n ** 40n, /Row 13 .* 1099511627776 /],
      'a position of 54 bits': ['position', 'U64', 2n ** 53n, /Row 13 .* 9007199254740992 .*±\(2\^53 - 1\)/],
      'a context of 64 bits': ['context', 'U64', 2n ** 64n - 1n, /Row 13 .* 18446744073709552000 /],
      'a context far below zero': ['context', 'I64', -(2n ** 53n), /Row 13 .* -9007199254740992 /],
    };
    for (const [name, [role, dtype, value, message]] of Object.entries(values)) {
      it(`for ${name}, when its row is read`, async () => {
        const columns = all.map((each) =>
          each.name === role ? { ...each, dtype, value: (i: number) => (i === 13 ? value : each.value(i)) } : each,
        );
        const source = await made(columns);
        const dump = openDump(source, source, width);
        await assert.rejects(readTokenRows(s3.store, dump, 2, 20), { code: 'ValueUnusable', message });
        await readTokenRows(s3.store, dump, 14, 20);
      });
    }

    it('keeps integers up to 53 bits, and negative ones but for tokens', async () => {
      const large = 2n ** 53n - 1n;
      const columns = [
        { ...tokens, dtype: 'U64', value: () => 2n ** 31n - 1n },
        { ...context, dtype: 'I64', value: (i: number) => (i === 0 ? -large : -1n) },
        { ...document, dtype: 'U64', value: () => large },
      ];
      const source = await made([activations, ...columns]);
      const found = await read(openDump(source, source, width), 0, 2);
      assert.deepEqual(
        { ...found, activations: null },
        {
          activations: null,
          tokens: [2 ** 31 - 1, 2 ** 31 - 1],
          context: [-Number(large), -1],
          position: null,
          document: [Number(large), Number(large)],
        },
      );
    });

    it('when rows are not in reading order: the first is named', async () => {
      const swapped = { ...position, value: (i: number) => (i === 16 ? 2 : i === 17 ? 1 : Number(position.value(i))) };
      const source = await made([activations, tokens, context, swapped]);
      const dump = openDump(source, source, width);
      const check = async (first: number, count: number): Promise<void> =>
        checkReadingOrder(dump, await readTokenRows(s3.store, dump, first, count));
      await assert.rejects(check(4, 30), {
        code: 'NotInReadingOrder',
        message: /^Row 16 of s3:\S+ has position 2 in context 703, after position 0 of/,
      });
      await assert.rejects(check(17, 5), {
        code: 'NotInReadingOrder',
        message: /^Row 18 .* position 3 .* position 1 /,
      });
      await check(0, 16);
      await check(18, 22);
      await check(16, 1);
      // What the shape says cannot be wrong; positions that are not told are not checked.
      const unknown = await made([activations, tokens, context]);
      const without = openDump(unknown, unknown, width);
      checkReadingOrder(without, await readTokenRows(s3.store, without, 0, rows));
    });

    it('when the tokenizer does not know a token: the first row is named', async () => {
      const source = await made(all);
      const dump = openDump(source, source, width);
      const found = await readTokenRows(s3.store, dump, 10, 30);
      checkTokenIds(dump, found, { size: 50, has: (id) => id < 50 });
      const first = [...found.tokens].findIndex((id) => id >= 45);
      assert.throws(() => checkTokenIds(dump, found, { size: 45, has: (id) => id < 45 }), {
        code: 'TokenUnknown',
        message: new RegExp(
          `^Row ${10 + first} of s3:\\S+ has the token id ${found.tokens[first]}, .*vocabulary of 45`,
        ),
      });
    });

    it('when a shard is another than was described, or is gone', async () => {
      const source = await made([...all]);
      const dump = openDump(source, source, width);
      const object = { bucket: source.place.bucket, key: `${source.place.prefix}00003.safetensors` };
      const { data } = (await s3.store.readWhole(object, 2 ** 20))!;
      data[data.length - 1]! ^= 1;
      await s3.store.put(object, [data]);
      await read(dump, 0, 12);
      await assert.rejects(read(dump, 0, 13), { code: 'ObjectChanged' });
      await s3.store.delete(object.bucket, [object.key]);
      await assert.rejects(readTokenRows(s3.store, dump, 5, 10), { code: 'ObjectMissing' });
    });

    it('when it is aborted, with the reason, its requests too', async () => {
      const source = await made(all);
      const dump = openDump(source, source, width);
      const stop = new AbortController();
      const store = override(s3.store, {
        readInto: async (object, range, target, options) => {
          stop.abort(new Error('enough'));
          assert.ok(options?.signal?.aborted);
          await s3.store.readInto(object, range, target, options);
        },
      });
      await assert.rejects(readTokenRows(store, dump, 0, rows, { signal: stop.signal }), /enough/);
    });
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
