import { putDirectory } from '../formats/put.js';
import { formatSize } from '../sizes.js';
import { createS3Store } from '../storage/s3.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import { say } from './output.js';
import type { Outcome } from './output.js';

/** Milliseconds between two progress lines. */
const interval = 1000;

/** `riffle put DIR URI`. */
export async function putCommand(directory: string, uri: string): Promise<Outcome> {
  const place = parsePrefix(uri);
  const store = createS3Store();
  const start = Date.now();
  let shown = start;
  try {
    const result = await putDirectory(store, directory, place, {
      onProgress: ({ stage, done, total, bytes }) => {
        const now = Date.now();
        if (now - shown < interval) return;
        shown = now;
        const rate = bytes / ((now - start) / 1000);
        say(`${stage}: ${done} of ${total} files, ${formatSize(bytes)}, ${formatSize(rate)}/s`);
      },
    });
    const { uploaded, skipped, ignored, bytes } = result;
    const text =
      `${uploaded} files (${formatSize(bytes)}) uploaded to ${formatPrefix(place)}` +
      `${skipped > 0 ? `, ${skipped} there already` : ''}${ignored > 0 ? `, ${ignored} dot files or links ignored` : ''}.`;
    return { json: result, text };
  } finally {
    store.close();
  }
}
