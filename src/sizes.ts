import { InvalidInput } from './errors.js';

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/**
 * Parses a size: a number of bytes, or text such as `512MiB` or `1.5GiB`.
 * @param name the option or field, for the message
 * @throws InvalidInput
 */
export function parseSize(value: string | number, name: string): number {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?) ?(KiB|MiB|GiB)?$/.exec(value.trim()) : undefined;
  const bytes = typeof value === 'number' ? value : match ? Number(match[1]) * (units[match[2] ?? ''] ?? 1) : NaN;
  if (Number.isSafeInteger(Math.floor(bytes)) && bytes >= 1) return Math.floor(bytes);
  throw new InvalidInput(
    `${name} is ${JSON.stringify(value)}: write a number of bytes, or a size such as "512MiB" (KiB, MiB, GiB).`,
    { field: name },
  );
}

/** A number of bytes for people, e.g. `1.5 GiB`. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['PiB', 1024 ** 5],
    ['TiB', 1024 ** 4],
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(bytes >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return `${bytes} B`;
}
