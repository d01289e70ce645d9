/** Bounds, both inclusive; either may be open. */
export interface Range {
  readonly from?: number;
  readonly to?: number;
}

export const rangeNames = ['density', 'firing', 'max', 'mean', 'share'] as const;
export type RangeName = (typeof rangeNames)[number];

export const stateNames = ['alive', 'dense', 'dead'] as const;
export type StateName = (typeof stateNames)[number];

/** What a feature must be to be shown: all of it. */
export interface Filters {
  /** `share` is that of the top token. */
  readonly ranges: Readonly<Partial<Record<RangeName, Range>>>;
  /** Empty: any. */
  readonly states: readonly StateName[];
  /** Id of the top token. */
  readonly tokenId?: number;
  /** Part of the top token's text, whatever its case. */
  readonly tokenText?: string;
  /** Part of the label, whatever its case. */
  readonly label?: string;
}

export const noFilters: Filters = { ranges: {}, states: [] };

/** Filters as the part of a link behind `?`; what is not set is left out. */
export function writeFilters(
  { ranges, states, tokenId, tokenText, label }: Filters,
  query = new URLSearchParams(),
): URLSearchParams {
  for (const name of rangeNames) {
    const text = formatRange(ranges[name] ?? {});
    if (text) query.set(name, text);
  }
  if (states.length > 0) query.set('state', states.join(','));
  if (tokenId !== undefined) query.set('tokenId', String(tokenId));
  if (tokenText) query.set('token', tokenText);
  if (label) query.set('label', label);
  return query;
}

/** The reverse. What cannot be read is left out: a link may come from anywhere. */
export function readFilters(query: URLSearchParams): Filters {
  const ranges: Partial<Record<RangeName, Range>> = {};
  for (const name of rangeNames) {
    const range = parseRange(query.get(name) ?? '');
    if (range) ranges[name] = range;
  }
  const states = (query.get('state') ?? '').split(',');
  const tokenId = query.get('tokenId') ?? '';
  const [tokenText, label] = [query.get('token'), query.get('label')];
  return {
    ranges,
    states: stateNames.filter((name) => states.includes(name)),
    ...(/^\d{1,10}$/.test(tokenId) && { tokenId: Number(tokenId) }),
    ...(tokenText && { tokenText }),
    ...(label && { label }),
  };
}

/** `0.001..0.1`, `0.001..`, `..0.1`; empty without bounds. */
export function formatRange({ from, to }: Range): string {
  return from === undefined && to === undefined ? '' : `${from ?? ''}..${to ?? ''}`;
}

/** @returns undefined for what is no range */
export function parseRange(text: string): Range | undefined {
  const [from = '', to, ...more] = text.split('..');
  if (to === undefined || more.length > 0) return undefined;
  const range = { ...boundOf('from', from), ...boundOf('to', to) };
  return Object.keys(range).length > 0 ? range : undefined;
}

function boundOf(name: keyof Range, text: string): Range {
  const bound = text.trim() === '' ? NaN : Number(text);
  return Number.isFinite(bound) ? { [name]: bound } : {};
}

/** How many conditions the filters are. */
export function countFilters({ ranges, states, tokenId, tokenText, label }: Filters): number {
  const set = [tokenId, tokenText, label].filter((each) => each !== undefined).length;
  return Object.keys(ranges).length + (states.length > 0 ? 1 : 0) + set;
}
