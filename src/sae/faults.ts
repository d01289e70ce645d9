import { InvalidInput, SaeInvalid, SaeUnsupported, ShardInvalid } from '../errors.js';

/**
 * @param where the object, as a URI
 * @param what what is wrong with it, as a clause
 */
export function saeFault(where: string, what: string, cause?: unknown): SaeInvalid {
  return new SaeInvalid(
    `SAE object ${where} cannot be used: ${what}. Upload the SAE again, or export it anew.`,
    { object: where },
    { cause },
  );
}

/**
 * @param where the object, as a URI
 * @param what what riffle does not implement, as a clause that names it
 * @param instead what to do
 */
export function saeUnsupported(where: string, what: string, instead: string): SaeUnsupported {
  return new SaeUnsupported(`SAE object ${where} cannot be used: ${what}. ${instead}`, { object: where });
}

/** Runs a header parser of `src/formats`, whose faults speak of shards. */
export function withSaeFaults<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ShardInvalid) throw saeFault(where, String(error.fields.reason), error);
    throw error;
  }
}

/** For SAEs whose files leave no room for a scale of the input. */
export function refuseScale(where: string, inputScale: number | undefined): void {
  if (inputScale === undefined) return;
  throw new InvalidInput(
    `inputScale is ${inputScale}, but ${where} says itself how its input is scaled: leave inputScale out.`,
    { field: 'inputScale' },
  );
}
