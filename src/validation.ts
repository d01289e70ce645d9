import { z } from 'zod';
import { InvalidInput } from './errors.js';
import { parseSize } from './sizes.js';
import { formatObject, formatPrefix, parseObject, parsePrefix } from './storage/uri.js';

/** A size field: bytes, or text with a unit. */
export const size = z
  .custom<string | number>((value) => readSize(value) !== undefined, {
    error: 'expected a number of bytes, or a size such as "512MiB" (KiB, MiB, GiB)',
  })
  .transform((value) => readSize(value)!);

function readSize(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    return parseSize(value, 'size');
  } catch {
    return undefined;
  }
}

/** An `s3://bucket/prefix` field, in its canonical form. */
export const prefixUri = z.string('expected s3://bucket/prefix').transform((value, context) => {
  try {
    return formatPrefix(parsePrefix(value));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** An `s3://bucket/key` field: one object. */
export const objectUri = z.string('expected s3://bucket/key').transform((value, context) => {
  try {
    return formatObject(parseObject(value));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/**
 * A field that names one dataset or a list of them: canonical `s3://bucket/prefix` URIs. A list of one is that one. No
 * dataset may stand in a list twice: each of its records would silently count twice.
 */
export const datasetUris = z
  .union(
    [z.string(), z.array(z.string()).min(1, 'expected at least one dataset')],
    'expected s3://bucket/prefix, or a list of such',
  )
  .transform((value, context): string | readonly string[] => {
    const given = [value].flat();
    const uris = given.map((uri, index) => {
      const path = typeof value === 'string' ? [] : [index];
      try {
        const canonical = formatPrefix(parsePrefix(uri));
        const before = given.slice(0, index).findIndex((other) => other.replace(/\/$/, '') === canonical);
        if (before < 0) return canonical;
        context.addIssue({ code: 'custom', path, message: `item ${before} of the list is the same dataset` });
      } catch (error) {
        context.addIssue({ code: 'custom', path, message: (error as Error).message });
      }
      return uri;
    });
    return uris.length === 1 ? uris[0]! : uris;
  });

/**
 * Checks an input against its schema.
 * @param what the kind of input, for the message
 * @throws InvalidInput that names every faulty field, its value and what is allowed
 */
export function checkInput<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const faults = new Set(issues.map((issue) => describeIssue(issue, schema, input)));
  throw new InvalidInput(`The ${what} input is not valid: ${[...faults].join('; ')}.`, {
    fields: [...new Set(issues.flatMap(faultyFields))],
  });
}

/** Paths of the fields that an issue is about; empty for the input as a whole. */
function faultyFields(issue: z.core.$ZodIssue): string[] {
  const names = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  return names.filter((path) => path.length > 0).map((path) => path.join('.'));
}

function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType, input: unknown): string {
  const path = issue.path.join('.') || 'the input';
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => JSON.stringify(key)).join(' and ');
    const known = schema instanceof z.ZodObject && issue.path.length === 0 ? Object.keys(schema.shape) : [];
    return `${path} has no field ${names}${known.length > 0 ? ` (its fields are ${known.join(', ')})` : ''}`;
  }
  const value = issue.path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === 'object' ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  );
  return `${path} is ${show(value)}: ${issue.message.replace(/^Invalid input: |\.$/g, '')}`;
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  // JSON would print NaN and infinities as null.
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
