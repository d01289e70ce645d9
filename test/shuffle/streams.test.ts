/**
 * Which random streams whole shuffles of several shapes and plans ask for: every stream decides one thing, and all of
 * them are the ones that the design names. What the streams hold is in random.test.ts, that cells are drawn from the
 * streams of their addresses in cellDraws.test.ts.
 */
import assert from 'node:assert/strict';
import { Domain, nonceWords } from '../../src/shuffle/random.js';
import type { ScatterPass } from '../../src/shuffle/plan.js';
import { blockCount } from '../../src/shuffle/shape.js';
import type { Shape } from '../../src/shuffle/shape.js';
import { withPatchedStreams } from '../support/patchStreams.js';
import { simulateShuffle } from '../support/simulate.js';

interface Seek {
  /** Domain, row level, row index, shard node. */
  readonly address: string;
  readonly nonce: string;
  /** Whether it is a cell of the table, which is drawn from the first uniform of its stream (cellDraws.test.ts). */
  readonly isCell: boolean;
}

const cases: { shape: Shape; scatter: ScatterPass[] }[] = [
  { shape: { rows: 1, blockRows: 5, shards: 1 }, scatter: [] },
  { shape: { rows: 60, blockRows: 100, shards: 7 }, scatter: [{ depth: 2, fanOut: 3, taskBlocks: 1 }] },
  { shape: { rows: 500, blockRows: 7, shards: 1 }, scatter: [] },
  { shape: { rows: 500, blockRows: 7, shards: 13 }, scatter: [] },
  { shape: { rows: 500, blockRows: 7, shards: 13 }, scatter: [{ depth: 3, fanOut: 5, taskBlocks: 20 }] },
  {
    shape: { rows: 333, blockRows: 10, shards: 40 },
    scatter: [
      { depth: 2, fanOut: 4, taskBlocks: 4 },
      { depth: 4, fanOut: 3, taskBlocks: 16 },
    ],
  },
  {
    shape: { rows: 300, blockRows: 2, shards: 100 },
    scatter: [
      { depth: 1, fanOut: 2, taskBlocks: 4 },
      { depth: 3, fanOut: 4, taskBlocks: 8 },
      { depth: 5, fanOut: 3, taskBlocks: 48 },
    ],
  },
];

describe('random streams of a shuffle', () => {
  for (const { shape, scatter } of cases) {
    const { rows, blockRows, shards } = shape;
    it(`of ${rows} rows in blocks of ${blockRows} to ${shards} shards in ${scatter.length} scatter passes`, () => {
      const seeks = recordSeeks(() => simulateShuffle(shape, 'streams', scatter));
      const uses = new Map<string, Seek[]>();
      for (const seek of seeks) uses.set(seek.address, [...(uses.get(seek.address) ?? []), seek]);
      const expected = decisions(shape);
      assert.deepEqual(new Set(uses.keys()), new Set(expected.keys()));

      const nonces = new Set(seeks.map(({ nonce }) => nonce));
      assert.equal(nonces.size, uses.size, 'two decisions share a nonce');

      for (const [address, calls] of uses) {
        const isTable = expected.get(address) === 'table';
        // A label or an order is drawn once in the whole shuffle; a cell wherever it is needed.
        if (!isTable) assert.equal(calls.length, 1, `${address} is drawn ${calls.length} times`);
        for (const { isCell } of calls) assert.equal(isCell, isTable);
      }
    });
  }

  it('where streams that are not told apart are found out', () => {
    const { shape, scatter } = cases[4]!;
    const seeks = recordSeeks(
      () => simulateShuffle(shape, 'streams', scatter),
      (domain, level, index) => nonceWords(domain, level, index, 1),
    );
    assert.ok(new Set(seeks.map(({ nonce }) => nonce)).size < new Set(seeks.map(({ address }) => address)).size);
  });
});

/** All that has to be decided, by the design: address → kind. */
function decisions(shape: Shape): Map<string, 'table' | 'label' | 'order'> {
  const found = new Map<string, 'table' | 'label' | 'order'>();
  const blocks = blockCount(shape);
  let height = 0;
  while (2 ** height < blocks) height++;
  const add = (kind: 'table' | 'label' | 'order', level: number, index: number, node: number): void => {
    found.set([Domain[kind], level, index, node].join(' '), kind);
  };
  const visit = (first: number, end: number, depth: number, node: number): void => {
    if (end - first === 1) {
      add('order', 0, 0, node);
      return;
    }
    const run = Math.min(depth, height);
    for (let index = 0; index * 2 ** run < blocks; index++) add('label', run, index, node);
    // A row node without an upper child has nothing to share out, but it is drawn with the others.
    for (let level = run + 1; level <= height; level++) {
      for (let index = 0; index * 2 ** level < blocks; index++) add('table', level, index, node);
    }
    const middle = Math.floor((first + end) / 2);
    visit(first, middle, depth + 1, 2 * node);
    visit(middle, end, depth + 1, 2 * node + 1);
  };
  visit(0, shape.shards, 0, 1);
  return found;
}

/** Runs `work` with watched streams, and, for the negative control, with other nonces. */
function recordSeeks(work: () => void, nonceOf = nonceWords): Seek[] {
  const seeks: Seek[] = [];
  const nonces: string[] = [];
  withPatchedStreams(
    (original) => ({
      seekNonce(counter, ...nonce) {
        nonces.push([counter, ...nonce].join(' '));
        return original.seekNonce.call(this, counter, ...nonce);
      },
      seek(...address) {
        if (nonceOf === nonceWords) original.seek.apply(this, address);
        else this.seekNonce(0, ...nonceOf(...address));
        seeks.push({ address: address.join(' '), nonce: nonces.at(-1)!, isCell: false });
        return this;
      },
      draw(level, firstRow, node, count) {
        for (let row = firstRow; row < firstRow + count; row++) {
          const address = [Domain.table, level, row, node] as const;
          nonces.push([0, ...nonceOf(...address)].join(' '));
          seeks.push({ address: address.join(' '), nonce: nonces.at(-1)!, isCell: true });
        }
        original.draw.call(this, level, firstRow, node, count);
      },
    }),
    work,
  );
  assert.equal(nonces.length, seeks.length);
  return seeks;
}
