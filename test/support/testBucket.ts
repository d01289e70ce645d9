import { randomBytes } from 'node:crypto';
import { createS3Store, type S3Store } from '../../src/storage/s3.js';
import type { Prefix } from '../../src/storage/uri.js';
import { sharedServers } from './stack.js';

export interface TestBucket {
  readonly store: S3Store;
  readonly environment: NodeJS.ProcessEnv;
  /** A prefix that nothing else uses. */
  newPlace(): Prefix;
  /** Keys below a prefix, relative to it. */
  keys(place: Prefix): Promise<string[]>;
}

/** A store on the shared S3 server. Close it in the end. */
export async function openTestBucket(): Promise<TestBucket> {
  const { environment, bucket } = await sharedServers();
  const store = createS3Store({ environment: { ...environment }, attempts: 3 });
  return {
    store,
    environment: { ...environment },
    newPlace: () => ({ bucket, prefix: `test-${randomBytes(6).toString('hex')}/` }),
    keys: async (place) => {
      const keys: string[] = [];
      for await (const { key } of store.list(place.bucket, place.prefix)) keys.push(key.slice(place.prefix.length));
      return keys;
    },
  };
}

/** A store whose methods can be replaced one by one. */
export function override<T extends object>(store: T, methods: Partial<T>): T {
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(methods, name);
      const value: unknown = own ?? Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(own ? methods : target) as unknown) : value;
    },
  });
}
