import { createHash } from 'node:crypto';
import type { S3Store } from '../../src/storage/s3.js';
import type { Prefix } from '../../src/storage/uri.js';
import { formatFeatures, hasFeature, packsOf, parseFeatures } from '../../src/pages/featureSet.js';
import { type Merged, mergeSlices } from '../../src/pages/mergeSlices.js';
import { PagePacker } from '../../src/pages/packPages.js';
import { packVocabulary } from '../../src/pages/packVocabulary.js';
import { digestOfPacks } from '../../src/pages/packWriter.js';
import type { FeaturePage } from '../../src/pages/page.js';
import { encodeRun, pagesFile, runFile, type RunDescription, streamFile, vocabularyFile } from '../../src/pages/run.js';
import { tableColumns } from '../../src/pages/table.js';
import { encodeStreamFile, idBytesOf, newTokens, type Tokens } from '../../src/pages/tokenStream.js';
import { makeDeadPage, makePage, makeSample, vocabulary as words } from './featurePages.js';

export interface RunShape {
  /** Features of the SAE, and those in the run. */
  readonly of: number;
  readonly set: string;
  readonly featuresPerPack: number;
  readonly rows: number;
  /** Bytes that the merge may hold of all slices. */
  readonly memory?: number;
  /** Pages of the features [`pageOf`]. */
  readonly page?: (feature: number) => FeaturePage;
  /** Text of each token id [the made-up words of featurePages.ts]. */
  readonly vocabulary?: readonly string[];
}

/** Every tenth feature is dead, every seventh has a label. */
export function pageOf(feature: number): FeaturePage {
  const page = feature % 10 === 9 ? makeDeadPage(feature) : makePage(feature, { top: 2, intervals: 2, perInterval: 1 });
  return { ...page, label: feature % 7 === 0 ? `label of ${feature}` : null };
}

/** A token stream with contexts of 128 tokens, documents of 300, and every 50th token excluded. */
export function streamOf(rows: number): Tokens {
  const tokens = newTokens(rows);
  for (let row = 0; row < rows; row++) {
    tokens.ids[row] = (row * 7919) % words.length;
    tokens.startsContext[row] = row % 128 === 0 ? 1 : 0;
    tokens.startsDocument[row] = row % 300 === 0 ? 1 : 0;
    tokens.excluded[row] = row % 50 === 0 ? 1 : 0;
  }
  return tokens;
}

/** Writes all files of a small run, as the tasks of a workflow do. */
export async function writeRun(store: S3Store, place: Prefix, shape: RunShape): Promise<Merged> {
  const { of, featuresPerPack, rows, page: pageFor = pageOf, vocabulary = words } = shape;
  const features = parseFeatures(shape.set, 'set');
  const put = async (file: string, parts: readonly Uint8Array[]): Promise<void> =>
    void (await store.put({ bucket: place.bucket, key: place.prefix + file }, parts));
  const columns = tableColumns(rows);
  const slice = (pack: number): string => `_riffle/slices/${pack}.bin`;

  for (const pack of packsOf(features, featuresPerPack)) {
    const packer = new PagePacker({ pack, featuresPerPack, of, vocabulary: vocabulary.length, columns });
    const end = Math.min(of, (pack + 1) * featuresPerPack);
    for (let feature = pack * featuresPerPack; feature < end; feature++) {
      if (!hasFeature(features, feature)) continue;
      const page = pageFor(feature);
      packer.add(page, page.state === 'dead' ? { sampled: 0, tokens: [] } : makeSample(feature));
    }
    const packed = packer.finish();
    await put(pagesFile(pack), packed.pages.parts);
    await put(slice(pack), packed.slice.parts);
  }
  const merged = await mergeSlices({
    store,
    place,
    slice,
    features,
    of,
    featuresPerPack,
    vocabulary: vocabulary.length,
    columns,
    ...(shape.memory === undefined ? {} : { memory: shape.memory }),
  });
  const idBytes = idBytesOf(vocabulary.length);
  const stream = encodeStreamFile(0, streamOf(rows), idBytes);
  await put(streamFile(0), [stream]);
  const texts = packVocabulary(vocabulary.map((text) => Buffer.from(text)));
  await put(vocabularyFile, texts.parts);
  const { counts, ...decided } = merged;
  const run: RunDescription = {
    format: 'riffle.run/1',
    riffle: '0.1.0',
    rows,
    tokens: rows,
    excluded: 0,
    features: { of, set: formatFeatures(features), ...counts },
    provenance: { seed: 'riffle' },
    warnings: [],
    ...decided,
    stream: {
      rows,
      idBytes,
      contexts: true,
      documents: true,
      digest: digestOfPacks([createHash('sha256').update(stream).digest()]),
    },
    vocabulary: { tokens: vocabulary.length, digest: Buffer.from(texts.digest).toString('hex') },
  };
  await put(runFile, [encodeRun(run)]);
  return merged;
}
