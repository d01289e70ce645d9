import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Budget, forEachConcurrently } from '../src/concurrently.js';

describe('forEachConcurrently', () => {
  it('takes every item once, in order, at most so many at a time', async () => {
    const started: number[] = [];
    let running = 0;
    let most = 0;
    await forEachConcurrently(Array(100).keys(), 7, undefined, async (item) => {
      started.push(item);
      most = Math.max(most, ++running);
      await sleep(item % 3);
      running--;
    });
    assert.deepEqual(started, [...Array(100).keys()]);
    assert.equal(most, 7);
  });

  it('aborts the others at the first failure, begins no more, and ends when all have ended', async () => {
    const failure = new Error('the third');
    let started = 0;
    let ended = 0;
    const all = forEachConcurrently(Array(100).keys(), 4, undefined, async (item, signal) => {
      started++;
      try {
        if (item === 2) throw failure;
        await sleep(60_000, undefined, { signal });
      } finally {
        ended++;
      }
    });
    await assert.rejects(all, failure);
    assert.deepEqual([started, ended], [4, 4]);
  });

  it('passes on the failure of the items themselves', async () => {
    const failure = new Error('no more items');
    async function* items() {
      yield await Promise.resolve(1);
      throw failure;
    }
    await assert.rejects(
      forEachConcurrently(items(), 4, undefined, () => sleep(1)),
      failure,
    );
  });
});

describe('Budget', () => {
  it('lets tasks run while their amounts fit, in the order in which they came', async () => {
    const budget = new Budget(10);
    const started: number[] = [];
    let taken = 0;
    const task = (amount: number) =>
      budget.run(amount, async () => {
        started.push(amount);
        taken += Math.min(amount, 10);
        assert.ok(taken <= 10);
        await sleep(1);
        taken -= Math.min(amount, 10);
      });
    await Promise.all([6, 5, 1, 99, 0, 10, 3].map(task));
    assert.deepEqual(started, [6, 5, 1, 99, 0, 10, 3]);
  });

  it('gives back what a failed task took', async () => {
    const budget = new Budget(1);
    await assert.rejects(budget.run(1, () => Promise.reject(new Error('failed'))));
    assert.equal(await budget.run(1, () => Promise.resolve('next')), 'next');
  });
});
