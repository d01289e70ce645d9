import { RandomStream } from '../../src/shuffle/random.js';

type Method<Name extends 'seek' | 'seekNonce' | 'uniform' | 'below'> = (
  this: RandomStream,
  ...args: Parameters<RandomStream[Name]>
) => ReturnType<RandomStream[Name]>;

export interface StreamMethods {
  readonly seek: Method<'seek'>;
  readonly seekNonce: Method<'seekNonce'>;
  readonly uniform: Method<'uniform'>;
  readonly below: Method<'below'>;
}

/**
 * Runs `work` while some methods of all RandomStreams are others.
 * @param patch gives them, from the original ones
 */
export function withPatchedStreams<T>(patch: (original: StreamMethods) => Partial<StreamMethods>, work: () => T): T {
  const prototype = RandomStream.prototype as unknown as Record<keyof StreamMethods, unknown>;
  const { seek, seekNonce, uniform, below } = prototype;
  const original = { seek, seekNonce, uniform, below };
  Object.assign(prototype, patch(original as StreamMethods));
  try {
    return work();
  } finally {
    Object.assign(prototype, original);
  }
}
