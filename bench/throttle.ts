import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TransferStatistics } from '../src/storage/transferStatistics.js';
import { FaultProxy, limitTo, say } from '../test/support/faultProxy.js';
import { TokenBucket } from '../test/support/tokenBucket.js';
import { report } from './report.js';

const limits = [50, 200, 1000];
const clients = [1, 3];

/** Milliseconds that each case is measured, its beginning included. */
const duration = 20_000;

/** Requests of one client that are under way or wait for their turn. */
const lanes = 32;

/** What a client process says in the end. */
export interface ThrottledClient {
  readonly statistics: TransferStatistics;
  readonly failed: number;
}

interface ThrottleFigures {
  /** Requests per second that the server accepts. */
  limit: number;
  clients: number;
  /** Accepted requests per second. */
  goodput: number;
  goodputOverLimit: number;
  /** Share of the requests that were answered by 503. */
  refused: number;
  /** The same after the first fifth of the time, in which the rate is found. */
  refusedLater: number;
  /** Reads that failed for good. */
  failed: number;
  /** Share of the busiest client over that of the least busy one. */
  unevenness: number;
}

/** Measures how much of a server's request limit clients get that want more, alone and several at once. */
export async function throttle(): Promise<void> {
  const figures: ThrottleFigures[] = [];
  for (const limit of limits) for (const count of clients) figures.push(await measure(limit, count));
  await report(
    'throttle',
    figures,
    figures.map((figure) => ({
      'limit (requests/s)': figure.limit,
      clients: figure.clients,
      // Without a refusal the clients were too slow to need the limit.
      'goodput / limit': figure.refused === 0 ? 'limit not reached' : figure.goodputOverLimit.toFixed(3),
      'answered by 503': percent(figure.refused),
      '… after 4 s': percent(figure.refusedLater),
      'failed reads': figure.failed,
      'busiest / least busy': figure.unevenness.toFixed(2),
    })),
  );
}

async function measure(limit: number, count: number): Promise<ThrottleFigures> {
  // The server is a stand-in: every read gets one byte. A real one would need the processor that the clients need.
  const proxy = await FaultProxy.start('http://127.0.0.1:1');
  const client = fileURLToPath(new URL('throttleClient.ts', import.meta.url));
  const processes = Array.from({ length: count }, () => fork(client, [proxy.endpoint, `${lanes}`, `${duration}`]));
  await Promise.all(processes.map(nextMessage));

  const bucket = new TokenBucket(limit, performance.now());
  proxy.always(/^GET /, limitTo(bucket, say(206, '.', { etag: '"stand-in"', 'content-range': 'bytes 0-0/1' })));
  for (const each of processes) each.send('go');
  let early = { accepted: 0, refused: 0 };
  setTimeout(() => (early = { accepted: bucket.accepted, refused: bucket.refused }), duration / 5);
  const results = (await Promise.all(processes.map(nextMessage))) as ThrottledClient[];
  await proxy.close();

  const goodput = bucket.accepted / (duration / 1000);
  const later = bucket.refused - early.refused;
  const shares = results.map(({ statistics }) => statistics.bytesRead);
  return {
    limit,
    clients: count,
    goodput,
    goodputOverLimit: goodput / limit,
    refused: bucket.refused / (bucket.refused + bucket.accepted),
    refusedLater: later / (later + bucket.accepted - early.accepted),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    unevenness: Math.max(...shares) / Math.min(...shares),
  };
}

async function nextMessage(process: ChildProcess): Promise<unknown> {
  const ended = once(process, 'exit').then(() => Promise.reject(new Error('A client of the bench ended early.')));
  const [message] = (await Promise.race([once(process, 'message'), ended])) as unknown[];
  return message;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
