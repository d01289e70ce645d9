import { InvalidInput } from '../errors.js';
import { countFeatures, listFeatures } from '../pages/featureSet.js';
import { printPage } from '../pages/page.js';
import { RunReader } from '../pages/runReader.js';
import { storedRunFiles } from '../pages/storedRunFiles.js';
import { createS3Store } from '../storage/s3.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import { featureText } from './featureText.js';
import type { Outcome } from './output.js';

/** All are in memory before the first is printed, so that a failure prints nothing but itself. */
const mostPages = 4096;

/**
 * `riffle feature RUN INDEX…`: pages of features, in the order asked for.
 * @param indexes numbers, ranges and lists of them: `7`, `0-9`, `1,5,10-19`
 */
export async function featureCommand(uri: string, indexes: readonly string[]): Promise<Outcome> {
  const place = parsePrefix(uri);
  const ranges = indexes.flatMap((text) => listFeatures(text, 'The list of features'));
  const count = countFeatures(ranges);
  if (count > mostPages) {
    throw new InvalidInput(`${count} features were asked for: at most ${mostPages} are printed at a time.`);
  }
  const store = createS3Store();
  try {
    const run = await RunReader.open(storedRunFiles(store, place), formatPrefix(place));
    // Refused as a whole, before anything is read.
    for (const { from, to } of ranges) for (let feature = from; feature < to; feature++) run.require(feature);
    const jsonLines: string[] = [];
    const texts: string[] = [];
    for (const { from, to } of ranges) {
      for await (const page of run.pages(from, to)) {
        jsonLines.push(printPage(page));
        texts.push(featureText(page));
      }
    }
    return { json: null, jsonLines, text: texts.join('\n\n') };
  } finally {
    store.close();
  }
}
