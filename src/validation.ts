import { z } from 'zod';
import { InvalidInput } from './errors.js';
import { parseSize } from './sizes.js';
import { formatPrefix, parsePrefix } from './storage/uri.js';

/** A size field: bytes, or text with a unit. */
export const size = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    return parseSize(value, context.issues.length === 0 ? 'The size' : 'The size');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** An `s3://bucket/prefix` field, in its canonical form. */
export const prefixUri = z.string().transform((value, context) => {
  try {
    return formatPrefix(parsePrefix(value));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/**
 * Checks an input against its schema.
 * @param what the kind of input, for the message
 * @throws InvalidInput that names every faulty field, its value and what is allowed
 */
export function checkInput<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => describeIssue(issue, input));
  throw new InvalidInput(`The ${what} input is not valid: ${faults.join('; ')}.`, {
    fields: parsed.error.issues.map((issue) => issue.path.join('.')),
  });
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.join('.') || 'the input';
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((key) => JSON.stringify(key)).join(', ')} is not a field of ${path}`;
  }
  const value = issue.path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === 'object' ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  );
  const shown = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 200);
  return `${path} is ${shown}: ${issue.message.replace(/\.$/, '')}`;
}
