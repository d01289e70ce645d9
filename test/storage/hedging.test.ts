import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemorySink } from '../../src/storage/byteSinks.js';
import { HedgedReads, type ReadAttempt } from '../../src/storage/hedging.js';
import type { S3Store } from '../../src/storage/s3.js';
import { type Fault, refuse, say, silence, stallAfter } from '../support/faultProxy.js';
import { data, requests, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { get } = requests;
const reason = new Error('no longer wanted');

describe('hedged reads', () => {
  let s3: FaultyStorage;
  let store: S3Store;
  withFaultyStorage((storage) => (s3 = storage));
  beforeEach(async () => {
    await s3.direct.put(s3.object, [data]);
    // Some reads that show what is usual.
    store = s3.through({ hedging: { floor: 200, factor: 1.5 } });
    for (let read = 0; read < 40; read++) await s3.readMiddle(store);
    assert.equal(store.statistics.hedges, 0);
    s3.proxy.reset();
  });
  afterEach(() => {
    store.close();
  });

  const marks = () => s3.proxy.seen.map(({ headers }) => headers['x-riffle-hedge']);
  /** Resolves when the client has closed the connection of the request that meets the fault. */
  const untilDropped = (fault: Fault) => {
    const dropped: { fault: Fault; promise: Promise<void> } = { fault, promise: Promise.resolve() };
    dropped.promise = new Promise((resolve) => {
      dropped.fault = (exchange) => {
        exchange.response.on('close', resolve);
        return fault(exchange);
      };
    });
    return dropped;
  };

  for (const [name, fault] of Object.entries({ 'no answer': silence, 'a body that stalls': stallAfter(100_000) })) {
    it(`takes the second answer instead of ${name}, and drops the first`, async () => {
      const slow = untilDropped(fault);
      s3.proxy.plan(get, slow.fault);
      await s3.readMiddle(store);
      await slow.promise;
      assert.deepEqual(marks(), [undefined, '1']);
      assert.equal(store.statistics.hedges, 1);
    });
  }

  it('takes the first answer when that is complete before the second, and drops the second', async () => {
    const second = untilDropped(silence);
    const late: Fault = async (exchange) => {
      await hedged;
      exchange.response.writeHead(206, headers).end(data.subarray(1000, -1000));
    };
    const headers = { etag: '"e"', 'content-range': `bytes 1000-${data.length - 1001}/${data.length}` };
    let sent = (): void => undefined;
    const hedged = new Promise<void>((resolve) => (sent = resolve));
    s3.proxy.plan(get, late, (exchange) => (sent(), second.fault(exchange)));
    await s3.readMiddle(store);
    await second.promise;
    assert.deepEqual(marks(), [undefined, '1']);
  });

  it('hands on what the sink throws, whatever the second request brings', async () => {
    let isHedged = (): void => undefined;
    const hedged = new Promise<void>((resolve) => (isHedged = resolve));
    const late: Fault = async ({ response, forward }) => {
      const { status, headers, body } = await forward();
      await hedged;
      response.writeHead(status, headers).end(body);
    };
    const second = untilDropped(silence);
    s3.proxy.plan(get, late, (exchange) => (isHedged(), second.fault(exchange)));
    let calls = 0;
    const sink = {
      room: () => new Uint8Array(100_000),
      arrived: () => {
        calls++;
        throw reason;
      },
    };
    await assert.rejects(store.read(s3.object, { start: 0, end: data.length - 2000 }, sink), reason);
    await second.promise;
    assert.equal(calls, 1);
  });

  it('takes no second answer of another version of the object', async () => {
    const whole = data.subarray(1000, -1000);
    const range = { 'content-range': `bytes 1000-${data.length - 1001}/${data.length}` };
    let answered = (): void => undefined;
    const secondAnswered = new Promise<void>((resolve) => (answered = resolve));
    const late: Fault = async ({ response }) => {
      response.writeHead(206, { ...range, etag: '"one"', 'content-length': whole.length });
      response.write(whole.subarray(0, 100_000));
      await secondAnswered;
      response.end(whole.subarray(100_000));
    };
    s3.proxy.plan(get, late, (exchange) => {
      exchange.response.on('close', answered);
      return say(206, Buffer.alloc(whole.length), { ...range, etag: '"other"' })(exchange);
    });
    await s3.readMiddle(store);
    assert.deepEqual(marks(), [undefined, '1']);
  });

  it('survives a second request that fails', async () => {
    let failed = (): void => undefined;
    const hedgeFailed = new Promise<void>((resolve) => (failed = resolve));
    const late: Fault = async ({ response, forward }) => {
      const { status, headers, body } = await forward();
      await hedgeFailed;
      response.writeHead(status, headers).end(body);
    };
    s3.proxy.plan(get, late, async (exchange) => {
      exchange.response.on('close', failed);
      await refuse(403, 'AccessDenied')(exchange);
    });
    await s3.readMiddle(store);
  });

  it('ends at once when it is aborted while both are under way', async () => {
    const controller = new AbortController();
    const [first, second] = [untilDropped(silence), untilDropped(silence)];
    s3.proxy.plan(get, first.fault, (exchange) => {
      void second.fault(exchange);
      controller.abort(reason);
    });
    await assert.rejects(s3.readMiddle(store, undefined, controller.signal), reason);
    await Promise.all([first.promise, second.promise]);
  });

  it('sends no second request to a store that throttles', async () => {
    s3.proxy.plan(get, refuse(), async ({ response, forward }) => {
      const { status, headers, body } = await forward();
      await sleep(1000);
      response.writeHead(status, headers).end(body);
    });
    await s3.readMiddle(store);
    assert.deepEqual(marks(), [undefined, undefined]);
  });

  it('sends second requests for one read in twenty at most, one at a time, none before it knows what is usual', async () => {
    const reads = new HedgedReads({ floor: 1, factor: 0.1, share: 0.05 });
    let under = 0;
    let most = 0;
    let hedges = 0;
    let isSlow = true;
    const attempt: ReadAttempt = async (_, signal, isHedge) => {
      if (!isHedge) return isSlow ? sleep(20) : undefined;
      hedges++;
      most = Math.max(most, ++under);
      await once(signal, 'abort');
      under--;
    };
    const read = (count: number) =>
      Promise.all(
        Array.from({ length: count }, () => reads.read(8, new MemorySink(new Uint8Array(8)), attempt, () => true)),
      );
    await read(30);
    assert.equal(hedges, 0);
    isSlow = false;
    await read(50);
    isSlow = true;
    await read(20);
    assert.equal(most, 1);
    for (let round = 0; round < 20; round++) await read(1);
    assert.ok(hedges > 1 && hedges <= 6, `${hedges}`);
  });
});
