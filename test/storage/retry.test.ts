import assert from 'node:assert/strict';
import { retry, type RetryPolicy } from '../../src/storage/retry.js';

const quick: RetryPolicy = { attempts: 3, firstPause: 1, longestPause: 1 };
const endless: RetryPolicy = { attempts: 3, firstPause: 3600_000, longestPause: 3600_000 };
const always = () => true;

describe('retry', () => {
  /** Work that fails so many times; `calls` counts its attempts. */
  const failing = (failures: number) => {
    const work = Object.assign(
      () => (work.calls++ < failures ? Promise.reject(new Error(`failure ${work.calls}`)) : Promise.resolve('done')),
      { calls: 0 },
    );
    return work;
  };

  it('repeats until success', async () => {
    const work = failing(2);
    assert.equal(await retry(quick, work, always), 'done');
    assert.equal(work.calls, 3);
  });

  it('ends with the last error after so many attempts', async () => {
    const work = failing(9);
    await assert.rejects(retry(quick, work, always), { message: 'failure 3' });
    assert.equal(work.calls, 3);
  });

  it('does not repeat what is not transient', async () => {
    const work = failing(9);
    await assert.rejects(
      retry(quick, work, (error) => error instanceof TypeError),
      { message: 'failure 1' },
    );
    assert.equal(work.calls, 1);
  });

  it('counts anew after progress', async () => {
    let calls = 0;
    const work = (progressed: () => void) => {
      if (++calls === 2) progressed();
      return Promise.reject(new Error());
    };
    await assert.rejects(retry(quick, work, always));
    assert.equal(calls, 4);
  });

  it('ends a pause when it is aborted, with the reason', async () => {
    const controller = new AbortController();
    const work = failing(9);
    const result = retry(endless, work, always, controller.signal);
    await new Promise(setImmediate);
    controller.abort(new Error('enough'));
    await assert.rejects(result, { message: 'enough' });
    assert.equal(work.calls, 1);
  });

  it('makes no attempt after it was aborted, and prefers the reason to the error of the attempt', async () => {
    const controller = new AbortController();
    const during = retry(
      quick,
      () => {
        controller.abort(new Error('enough'));
        return Promise.reject(new Error('of the attempt'));
      },
      always,
      controller.signal,
    );
    await assert.rejects(during, { message: 'enough' });
    const work = failing(0);
    await assert.rejects(retry(quick, work, always, controller.signal), { message: 'enough' });
    assert.equal(work.calls, 0);
  });
});
