import { InvalidInput } from '../../../src/errors.js';
import { type FeatureRange, listFeatures } from '../../../src/pages/featureSet.js';

/** No list has more. */
export const mostFeatures = 10_000;

/** The features of a link, each once, in its order. @throws InvalidInput for what is no list, or too long a one */
export function readList(text: string): number[] {
  const features = new Set<number>();
  for (const { from, to } of text === '' ? [] : listFeatures(text, 'The list')) {
    for (let feature = from; feature < to; feature++) {
      features.add(feature);
      if (features.size > mostFeatures) throw new InvalidInput(`The list has more than ${mostFeatures} features.`);
    }
  }
  return [...features];
}

/** The reverse, with runs of three and more as ranges: `3,17,40-60`. */
export function writeList(features: readonly number[]): string {
  const runs: FeatureRange[] = [];
  for (const feature of features) {
    const last = runs.at(-1);
    if (last?.to === feature) runs[runs.length - 1] = { from: last.from, to: feature + 1 };
    else runs.push({ from: feature, to: feature + 1 });
  }
  return runs
    .map(({ from, to }) =>
      to - from === 1 ? `${from}` : to - from === 2 ? `${from},${from + 1}` : `${from}-${to - 1}`,
    )
    .join(',');
}
