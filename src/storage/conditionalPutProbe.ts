import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { ConditionalPutBroken } from '../errors.js';
import type { CallOptions, ObjectStore } from './objectStore.js';
import type { Prefix } from './uri.js';

/** Keys of probes, below the prefix that is probed. */
export const probePrefix = '_riffle/probe-';

/** PUTs that race for one key. */
export const racers = 32;
const rounds = 3;
const bodyBytes = 64;

/**
 * Proves that the S3 server decides `If-None-Match: *` atomically: of 32 racing PUTs to one fresh key exactly one may
 * win, and its body must be the one that is stored. riffle's commits rest on this.
 * @param place where the probe's object may stand for a moment
 * @throws ConditionalPutBroken
 */
export async function probeConditionalPut(store: ObjectStore, place: Prefix, options: CallOptions = {}): Promise<void> {
  // All racers listen to one signal; Node takes more than ten listeners for a leak.
  if (options.signal !== undefined) setMaxListeners(0, options.signal);
  // No winner at all happens when the winner's answer was lost: nothing is proved either way, so race again.
  for (let round = 1; round <= rounds; round++) {
    if ((await race(store, place, options)) === 1) return;
  }
  throw broken(
    place.bucket,
    `none of ${racers} racing PUTs with \`If-None-Match: *\` to a fresh key won, ${rounds} times`,
  );
}

async function race(store: ObjectStore, { bucket, prefix }: Prefix, options: CallOptions): Promise<0 | 1> {
  const object = { bucket, key: `${prefix}${probePrefix}${randomUUID()}` };
  const bodies = Array.from({ length: racers }, (_, racer) => Buffer.alloc(bodyBytes, `${racer} `));
  try {
    const outcomes = await Promise.all(
      bodies.map(async (body) => ({ body, outcome: await store.putIfAbsent(object, [body], options) })),
    );
    const winners = outcomes.filter(({ outcome }) => outcome.created);
    const [winner] = winners;
    if (winner === undefined) return 0;
    if (winners.length > 1) {
      throw broken(bucket, `${winners.length} of ${racers} racing PUTs with \`If-None-Match: *\` to one key won`);
    }
    const stored = await store.readWhole(object, bodyBytes, options);
    if (stored === undefined || !winner.body.equals(stored.data)) {
      throw broken(bucket, 'one of several racing PUTs with `If-None-Match: *` won, but another body is stored');
    }
    return 1;
  } finally {
    await store.delete(bucket, [object.key], options);
  }
}

function broken(bucket: string, what: string): ConditionalPutBroken {
  return new ConditionalPutBroken(
    `The S3 server of bucket ${bucket} does not decide conditional PUTs atomically: ${what}. riffle commits by such ` +
      'PUTs and would lose or mix data, so it does not run on this server. Use a server or version that keeps the ' +
      'promise (Amazon S3, versitygw 1.8.0 or newer), and check that no proxy in between drops the header.',
    { bucket },
  );
}
