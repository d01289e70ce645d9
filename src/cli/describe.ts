import { InvalidInput } from '../errors.js';
import type { Encoding } from '../formats/dataset.js';
import { describe, orderWarning } from '../formats/describe.js';
import { formatDataset, writeDataset } from '../formats/writeDataset.js';
import { createS3Store } from '../storage/s3.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import { say } from './output.js';
import type { Outcome } from './output.js';

export interface DescribeCommandOptions {
  readonly write?: boolean;
  readonly encoding?: string;
  readonly recordBytes?: string;
}

/** `riffle describe URI`. */
export async function describeCommand(uri: string, options: DescribeCommandOptions): Promise<Outcome> {
  const place = parsePrefix(uri);
  const store = createS3Store();
  try {
    const { dataset, ignored, misordered } = await describe(store, place, {
      encoding: parseEncoding(options.encoding),
      recordBytes: options.recordBytes === undefined ? undefined : parseCount(options.recordBytes, '--record-bytes'),
    });
    if (ignored > 0) say(`${ignored} objects under ${formatPrefix(place)} are no shards: ignored.`);
    if (misordered) say(orderWarning(misordered));
    if (options.write) {
      const { created } = await writeDataset(store, place, dataset);
      say(`${formatPrefix(place)}/dataset.json ${created ? 'written' : 'was there already, with the same content'}.`);
    } else {
      say('Nothing was written: --write keeps this as dataset.json.');
    }
    return { json: dataset, text: formatDataset(dataset).trimEnd() };
  } finally {
    store.close();
  }
}

function parseEncoding(text: string | undefined): Encoding | undefined {
  if (text === undefined || text === 'safetensors' || text === 'npy' || text === 'raw') return text;
  throw new InvalidInput(`--encoding is ${JSON.stringify(text)}: use safetensors, npy or raw.`);
}

function parseCount(text: string, option: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidInput(`${option} is ${JSON.stringify(text)}: write a whole number from 1.`);
}
