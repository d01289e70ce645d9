import type { ExampleSettings } from '../features/settings.js';
import type { Settings } from './layout.js';

/** Intervals of "quantile". */
const quantiles = 10;

/** What the collection and the choice of examples need of a run's settings. */
export function exampleSettings({ examples }: Pick<Settings, 'examples'>): ExampleSettings {
  const { top, random, shownRandom, intervals, perInterval, distinct } = examples;
  const quantile = intervals === 'quantile';
  return {
    top,
    sample: random,
    shownRandom,
    intervals: quantile ? quantiles : intervals,
    intervalEdges: quantile ? 'quantile' : 'equalWidth',
    perInterval,
    distinct,
  };
}
