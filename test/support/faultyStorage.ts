import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ObjectLocation } from '../../src/storage/objectStore.js';
import { createS3Store, type S3Store, type S3StoreOptions } from '../../src/storage/s3.js';
import { type Fault, FaultProxy } from './faultProxy.js';
import { sharedServers, stackTimeout } from './stack.js';

export const MiB = 1024 * 1024;
export const bucket = 'storage-faults';
export const data = randomBytes(2 * MiB);
export const parts = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(1 * MiB)];
export const whole = Buffer.concat(parts);

/** Requests, as `FaultProxy.plan` sees them. */
export const requests = {
  get: /^GET .*x-id=GetObject/,
  put: /^PUT .*x-id=PutObject/,
  part: /^PUT .*partNumber/,
  begin: /^POST .*[?&]uploads/,
  complete: /^POST .*uploadId/,
  abort: /^DELETE .*uploadId/,
  head: /^HEAD /,
  list: /^GET .*list-type=2/,
  deletion: /^POST .*[?&]delete/,
  any: /^/,
};

export const times = (number: number, fault: Fault) => Array.from({ length: number }, () => fault);

/** A bucket, a proxy before it, and stores on both sides of the proxy. */
class FaultyStorage {
  /** Straight to the server, to prepare and to look. */
  readonly direct: S3Store;
  /** Through the proxy. */
  readonly store: S3Store;
  /** Through the proxy, soon giving up on silence. */
  readonly impatient: S3Store;
  /** Another one for each test. */
  object: ObjectLocation = { bucket, key: '' };

  constructor(
    readonly environment: NodeJS.ProcessEnv,
    readonly proxy: FaultProxy,
  ) {
    this.direct = createS3Store({ environment, largestPut: 5 * MiB });
    this.store = this.through();
    this.impatient = this.through({ timeouts: { answer: 1000 } });
  }

  /** A store through the proxy. Close it in the end. */
  through(options: S3StoreOptions = {}): S3Store {
    return createS3Store({
      environment: { ...this.environment, AWS_ENDPOINT_URL_S3: this.proxy.endpoint },
      attempts: 4,
      firstPause: 1,
      largestPut: 5 * MiB,
      ...options,
    });
  }

  async stored(): Promise<Buffer> {
    return Buffer.from((await this.direct.readWhole(this.object, 64 * MiB))?.data ?? []);
  }

  uploadsLeft(): Promise<number> {
    return this.direct.abortUploads(bucket, this.object.key, () => true);
  }

  /** Reads bytes 1,000 to the end minus 1,000 of an object with `data` and compares. */
  async readMiddle(by: S3Store, ifMatch?: string, signal?: AbortSignal): Promise<void> {
    const target = new Uint8Array(data.length - 2000);
    await by.readInto(this.object, { start: 1000, end: data.length - 1000 }, target, { ifMatch, signal });
    assert.ok(data.subarray(1000, -1000).equals(target), 'bytes differ');
  }
}

/**
 * For a suite of tests: servers, proxy and stores before it, a fresh object and no planned faults before each test. A
 * test fails when a fault that it planned was not met.
 * @param use is handed the storage when it is there
 */
export function withFaultyStorage(use: (storage: FaultyStorage) => void): void {
  let storage: FaultyStorage;
  let count = 0;
  before(async function () {
    this.timeout(stackTimeout);
    const environment = { ...(await sharedServers()).environment };
    storage = new FaultyStorage(environment, await FaultProxy.start(environment.AWS_ENDPOINT_URL_S3 ?? ''));
    await storage.direct.createBucket(bucket);
    use(storage);
  });
  beforeEach(() => {
    storage.object = { bucket, key: `${randomBytes(4).toString('hex')}-${++count}/object` };
  });
  afterEach(() => {
    assert.equal(storage.proxy.reset().unmet, 0, 'faults that no request met');
  });
  after(async () => {
    for (const each of [storage.direct, storage.store, storage.impatient]) each.close();
    await storage.proxy.close();
  });
}

export type { FaultyStorage };
