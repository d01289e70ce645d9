/** What the address bar says: the part behind `#`. Every view has such a link, so that it can be shared. */
export type Route =
  | { readonly view: 'overview'; readonly query: URLSearchParams }
  | { readonly view: 'feature'; readonly feature: number; readonly query: URLSearchParams }
  /** `features` as written: numbers and ranges, `1,5,10-19`. */
  | { readonly view: 'list'; readonly features: string; readonly query: URLSearchParams }
  | { readonly view: 'search'; readonly query: URLSearchParams }
  | { readonly view: 'unknown'; readonly hash: string };

/** Reads `#/feature/7?example=12`, `#/list/1,5`, `#/search?token=the` or `#/`. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = split(hash.replace(/^#/, ''));
  const query = new URLSearchParams(search);
  if (path === '' || path === '/') return { view: 'overview', query };
  if (path === '/search') return { view: 'search', query };
  const feature = /^\/feature\/(\d{1,10})$/.exec(path)?.[1];
  if (feature !== undefined) return { view: 'feature', feature: Number(feature), query };
  const features = /^\/list\/([\d,-]+)$/.exec(path)?.[1];
  if (features !== undefined) return { view: 'list', features, query };
  return { view: 'unknown', hash };
}

/** The link to a feature's page, or to one of its examples. @param example its row */
export function featureLink(feature: number, example?: number): string {
  return `#/feature/${feature}${example === undefined ? '' : `?example=${example}`}`;
}

export function overviewLink(query?: URLSearchParams): string {
  return `#/${withQuery(query)}`;
}

/** @param features numbers and ranges, `1,5,10-19` */
export function listLink(features: string, query?: URLSearchParams): string {
  return `#/list/${features}${withQuery(query)}`;
}

export function searchLink(query?: URLSearchParams): string {
  return `#/search${withQuery(query)}`;
}

/** The link to the features that fire on a token. @param id of the token */
export function tokenSearchLink(id: number): string {
  return `#/search?token=${id}`;
}

function withQuery(query: URLSearchParams | undefined): string {
  const text = query?.toString() ?? '';
  return text && `?${text}`;
}

function split(text: string): [string, string?] {
  const at = text.indexOf('?');
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
