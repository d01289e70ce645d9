import { tokenSearchLink } from '../routes.js';

/** Where a token in a list leads: to the features that fire on it. */
export function tokenSearch(id: number): { readonly href: string; readonly title: string } {
  return { href: tokenSearchLink(id), title: `Token ${id}: features that fire on it` };
}
