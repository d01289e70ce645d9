import { type Filters, noFilters } from './filters.js';

/** A question that is asked of every SAE, as filters of the table. */
export interface Report {
  readonly title: string;
  /** What the filters mean, for people. */
  readonly meaning: string;
  readonly filters: Filters;
}

/** A feature is called single-token from this share of its sample on … */
export const singleTokenShare = 0.95;
/** … when it fires so often that the share means something. */
export const singleTokenFiring = 10;

export const reports: readonly Report[] = [
  {
    title: 'Dead',
    meaning: 'never fire, or only on excluded tokens',
    filters: { ...noFilters, states: ['dead'] },
  },
  {
    title: 'Dense',
    meaning: 'fire on more than 10 % of the tokens',
    filters: { ...noFilters, states: ['dense'] },
  },
  {
    title: 'Single-token',
    meaning: `fire ${singleTokenFiring} times or more, ${100 * singleTokenShare} % of it on one token (from the sample)`,
    filters: { ...noFilters, ranges: { share: { from: singleTokenShare }, firing: { from: singleTokenFiring } } },
  },
];
