import { ObjectConflict, SaeMissing } from '../errors.js';
import { parseBoundedJson } from '../formats/boundedJson.js';
import { quoted } from '../formats/shardHeader.js';
import type { CallOptions, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { saeFault, saeUnsupported } from './faults.js';
import type { SaeObject } from './sae.js';

const configLimit = 1024 * 1024;

const limits = { depth: 16, values: 100_000 };

/** Far beyond any SAE, and products of two stay exact. */
const largestCount = 2 ** 28;

/**
 * The JSON object that describes an SAE. It remembers which options were asked for, so that those that nobody knows can
 * be refused. `null` counts as absent, as Python writes None.
 */
export class Config {
  private readonly known = new Set<string>();

  /** @param where the JSON object and the place inside it, for messages */
  constructor(
    private readonly values: ReadonlyMap<string, unknown>,
    readonly where: string,
  ) {}

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  value(name: string): unknown {
    this.known.add(name);
    return this.values.get(name) ?? undefined;
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.fault(name, 'true or false');
  }

  string(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.fault(name, 'a string');
  }

  /** A number above 0 with which float32 can reckon. */
  positive(name: string): number | undefined {
    const value = this.value(name);
    if (value === undefined || (typeof value === 'number' && value >= 1e-30 && value <= 1e30)) return value;
    throw this.fault(name, 'a number from 1e-30 to 1e30');
  }

  /** A whole number of things. */
  count(name: string): number | undefined {
    const value = this.positive(name);
    if (value === undefined || (Number.isInteger(value) && value <= largestCount)) return value;
    throw this.fault(name, `a whole number from 1 to ${largestCount}`);
  }

  required<T>(name: string, value: T | undefined): T {
    if (value !== undefined) return value;
    throw saeFault(this.where, `it has no ${quoted(name)}`);
  }

  /** The object at `name`, or undefined. */
  inner(name: string): Config | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.fault(name, 'an object');
    return new Config(new Map(Object.entries(value)), `${this.where} ${name}`);
  }

  /** Text, numbers and booleans among `names`, as they are. */
  facts(names: readonly string[]): Record<string, string | number | boolean> {
    const facts: Record<string, string | number | boolean> = {};
    for (const name of names) {
      const value = this.value(name);
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') facts[name] = value;
    }
    return facts;
  }

  /** @throws SaeInvalid that quotes what stands there */
  fault(name: string, expected: string): Error {
    return saeFault(this.where, `${quoted(name)} is ${this.shown(name)}, not ${expected}`);
  }

  /** @param known what riffle implements there */
  unsupported(name: string, known: string): Error {
    return saeUnsupported(
      this.where,
      `${quoted(name)} is ${this.shown(name)}`,
      `riffle implements ${known} there, and does not guess what others do to activations.`,
    );
  }

  /** The value of an option as JSON, of bounded length. */
  private shown(name: string): string {
    const text = JSON.stringify(this.value(name));
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  }

  /**
   * Refuses options that were not asked for and are not known to have no influence on activations.
   * @throws SaeUnsupported
   */
  refuseOthers(inert: ReadonlySet<string> = new Set()): void {
    const others = [...this.values.keys()].filter(
      (name) => !inert.has(name) && !this.known.has(name) && this.value(name) !== undefined,
    );
    if (others.length === 0) return;
    throw saeUnsupported(
      this.where,
      `riffle does not know its option ${others.slice(0, 16).map(quoted).join(', ')}`,
      'It does not guess what this does to activations: remove the option if it does nothing.',
    );
  }
}

/** Reads the JSON object that describes an SAE. @throws SaeMissing, SaeInvalid; what the store throws */
export async function readConfig(
  store: ObjectStore,
  location: ObjectLocation,
  options?: CallOptions,
): Promise<{ config: Config; object: SaeObject }> {
  const where = `s3://${location.bucket}/${location.key}`;
  const read = store.readWhole(location, configLimit, options).catch((error: unknown) => {
    if (error instanceof ObjectConflict) throw saeFault(where, `it is longer than ${configLimit} bytes`, error);
    throw error;
  });
  const found = await read;
  if (!found) {
    throw new SaeMissing(`${where} does not exist: an SAE's weights are there without it. Upload it too.`, {
      object: where,
    });
  }
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(found.data);
    value = parseBoundedJson(text, limits);
  } catch (error) {
    throw saeFault(where, `it is not JSON (${(error as Error).message})`, error);
  }
  if (!isObject(value)) throw saeFault(where, 'it is JSON, but not an object');
  return {
    config: new Config(new Map(Object.entries(value)), where),
    object: { key: location.key, bytes: found.data.length, etag: found.etag },
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
