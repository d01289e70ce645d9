import assert from 'node:assert/strict';
import { Pacing, type PacedRequest } from '../../src/storage/pacing.js';

class Refusal extends Error {}

const isRefusal = (error: unknown): boolean => error instanceof Refusal;
const patience = 60_000;
const read = (key: string, signal?: AbortSignal): PacedRequest => ({
  bucket: 'b',
  key,
  direction: 'read',
  patience,
  signal,
});

describe('Pacing', () => {
  /** Milliseconds that have passed beside real ones. */
  let skipped: number;
  let pacing: Pacing;
  beforeEach(() => {
    skipped = 0;
    pacing = new Pacing(() => performance.now() + skipped);
  });
  const refuse = () => Promise.reject(new Refusal());
  const accept = () => Promise.resolve('done');
  const send = (request: PacedRequest, answer: (accepted: () => void) => Promise<unknown>) =>
    pacing.send(request, answer, isRefusal);
  /** Refuses until only one request in two seconds is let out. */
  const slowDown = (key: string, signal: AbortSignal) => {
    let refusals = 0;
    const pending = send(read(key, signal), () => ((skipped += refusals++ < 15 ? 3000 : 0), refuse()));
    return { pending, isSlow: () => refusals === 16 };
  };
  const turns = async () => {
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  };

  it('sends at once while nothing is refused, and slows nothing down', async () => {
    const answers = await Promise.all(Array.from({ length: 1000 }, () => send(read('in/x'), accept)));
    assert.equal(answers.length, 1000);
    await assert.rejects(
      send(read('in/x'), () => Promise.reject(new Error('other'))),
      { message: 'other' },
    );
    assert.equal(pacing.isSlowed(read('in/x')), false);
  });

  it('slows down what shares a folder and a direction, and nothing else', async () => {
    let refusals = 0;
    await send(read('in/x'), () => (refusals++ < 3 ? refuse() : accept()));
    assert.equal(refusals, 4);
    assert.equal(pacing.isSlowed(read('in/y')), true);
    assert.equal(pacing.isSlowed({ ...read('in/x'), direction: 'write' }), false);
    assert.equal(pacing.isSlowed(read('in/deeper/x')), false);
    assert.equal(pacing.isSlowed(read('out/x')), false);
    assert.equal(pacing.isSlowed({ ...read('in/x'), bucket: 'c' }), false);
  });

  it('lets a refusal stand when nothing was let through for long', async () => {
    let refusals = 0;
    const refused = send(read('in/x'), () => ((skipped += 7_000), refusals++, refuse()));
    await assert.rejects(refused, Refusal);
    assert.equal(refusals, 1 + Math.ceil(patience / 7_000));
  });

  it('goes on for as long as others are let through', async () => {
    let refusals = 0;
    const result = await send(read('in/x'), async () => {
      skipped += 40_000;
      await send(read('in/y'), accept);
      return refusals++ < 4 ? refuse() : accept();
    });
    assert.equal(result, 'done');
  });

  it('counts a part that was done as let through', async () => {
    let refusals = 0;
    const result = await send(read('in/x'), (accepted) => {
      skipped += 40_000;
      accepted();
      return refusals++ < 4 ? refuse() : accept();
    });
    assert.equal(result, 'done');
  });

  it('ends a wait at once when it is aborted, and the others keep theirs', async () => {
    const all = new AbortController();
    const { pending, isSlow } = slowDown('in/x', all.signal);
    pending.catch(() => undefined);
    while (!isSlow()) await new Promise(setImmediate);
    let sent = 0;
    const one = new AbortController();
    const first = send(read('in/y', one.signal), () => Promise.resolve(sent++));
    const second = send(read('in/z', all.signal), () => Promise.resolve(sent++));
    second.catch(() => undefined);
    await turns();
    assert.equal(sent, 0);
    one.abort(new Error('no longer wanted'));
    await assert.rejects(first, { message: 'no longer wanted' });
    await turns();
    assert.equal(sent, 0);
    all.abort(new Error('neither'));
    await assert.rejects(second, { message: 'neither' });
    await assert.rejects(pending, { message: 'neither' });
    await assert.rejects(send(read('in/z', all.signal), accept), { message: 'neither' });
  });
});
