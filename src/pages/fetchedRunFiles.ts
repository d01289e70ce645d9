import { RangeIgnored, StorageUnavailable } from '../errors.js';
import { gather } from './gather.js';
import { damaged } from './pack.js';
import type { RunFiles } from './runFiles.js';

/**
 * A run on a web server (S3 under a bucket policy, a CDN, a file server), read by `fetch`.
 * @param base URL of the run's prefix, with a slash at its end
 */
export function fetchedRunFiles(base: string): RunFiles {
  return {
    async read(file, start, end, signal) {
      const response = await request(base, file, signal, { range: `bytes=${start}-${end - 1}` });
      if (response.status === 200) {
        await response.body?.cancel();
        throw new RangeIgnored(
          `The web server answered a request for bytes ${start} to ${end} of ${file} with the whole file: it ignores ` +
            'Range. Serve the run from a server that knows range requests, or use riffle browse.',
          { file },
        );
      }
      if (response.status !== 206) throw await faultOf(response, file);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length !== end - start) {
        throw damaged(file, `${bytes.length} bytes came where ${end - start} were asked for, from byte ${start} on`);
      }
      return bytes;
    },
    async readWhole(file, limit, signal) {
      const response = await request(base, file, signal);
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      if (response.status !== 200) throw await faultOf(response, file);
      if (response.body === null) return new Uint8Array(0);
      try {
        return await gather(response.body, limit);
      } catch (error) {
        throw error instanceof RangeError ? damaged(file, error.message) : error;
      }
    },
  };
}

async function request(
  base: string,
  file: string,
  signal: AbortSignal | undefined,
  headers: Record<string, string> = {},
): Promise<Response> {
  try {
    return await fetch(new URL(file, base), { headers, signal: signal ?? null });
  } catch (error) {
    signal?.throwIfAborted();
    throw new StorageUnavailable(
      `${file} could not be fetched (${(error as Error).message}): is the server, or this machine, offline?`,
      { file },
      { cause: error },
    );
  }
}

async function faultOf(response: Response, file: string): Promise<Error> {
  await response.body?.cancel();
  const { status } = response;
  // S3 answers 403 for a missing object when the reader may not list the bucket.
  if (status === 404 || status === 403) return damaged(file, `it is missing or may not be read (status ${status})`);
  if (status === 416) return damaged(file, 'it is cut short');
  return new StorageUnavailable(`The web server answered the request for ${file} with status ${status}.`, {
    file,
    status,
  });
}
