import { InvalidInput } from '../errors.js';

/** A place in a bucket: all keys that start with `prefix`, which is empty or ends with a slash. */
export interface Prefix {
  readonly bucket: string;
  readonly prefix: string;
}

const uriPattern = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s;

/**
 * Parses `s3://bucket/some/prefix` (a trailing slash makes no difference).
 * @throws InvalidInput for another scheme, a bucket name that S3 does not allow, or a path with empty, `.` or `..` parts
 */
export function parsePrefix(uri: string): Prefix {
  const { bucket, path } = parseUri(uri);
  const trimmed = path.replace(/\/$/, '');
  if (trimmed === '') return { bucket, prefix: '' };
  checkRelativeKey(trimmed, uri);
  return { bucket, prefix: `${trimmed}/` };
}

/** Parses `s3://bucket/key` as one object. @throws InvalidInput */
export function parseObject(uri: string): { bucket: string; key: string } {
  const { bucket, path } = parseUri(uri);
  checkRelativeKey(path, uri);
  return { bucket, key: path };
}

function parseUri(uri: string): { bucket: string; path: string } {
  const match = uriPattern.exec(uri);
  if (!match?.[1]) {
    throw new InvalidInput(`${JSON.stringify(uri)} is not an S3 URI: write s3://bucket/prefix.`, { uri });
  }
  return { bucket: match[1], path: match[2] ?? '' };
}

/** The canonical form: no trailing slash. */
export function formatPrefix(place: Prefix): string {
  return `s3://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
}

export function formatObject({ bucket, key }: { bucket: string; key: string }): string {
  return `s3://${bucket}/${key}`;
}

/**
 * Checks a key that is relative to a prefix: it may not leave it.
 * @param where what the key was read from, for the message
 * @throws InvalidInput
 */
export function checkRelativeKey(key: string, where: string): void {
  const reason = relativeKeyFault(key);
  if (reason) throw new InvalidInput(`Key ${JSON.stringify(key)} of ${where} ${reason}.`, { key });
}

/** Why a key may not be used below a prefix, or undefined when it may. */
export function relativeKeyFault(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (Buffer.byteLength(key) > 1024) return 'is longer than the 1,024 bytes that S3 allows';
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(key)) return 'holds a control character';
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    return 'has an empty, "." or ".." part, so it could leave its prefix';
  }
  return undefined;
}
