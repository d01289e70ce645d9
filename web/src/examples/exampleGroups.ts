import type { FeatureExample, FeatureGroup, FeaturePage } from '../../../src/pages/page.js';
import { short } from '../text/numbers.js';

/** An example that a group shows. */
export interface ShownExample {
  readonly example: FeatureExample;
  /** More examples of the group with the same tokens around the same focus. */
  readonly alike: readonly FeatureExample[];
}

/** An example that stands in an earlier group already. */
export interface Reference {
  readonly example: FeatureExample;
  /** Row of the example that is shown for it. */
  readonly shown: number;
}

/** A group of a page as it is shown: each example of the page once. */
export interface ShownGroup {
  readonly group: FeatureGroup;
  readonly title: string;
  readonly examples: readonly ShownExample[];
  readonly references: readonly Reference[];
}

/**
 * What a page shows of its examples. A feature that fires on no more tokens than the list of the strongest may hold has
 * one list of all of them; others have the page's groups, each without what an earlier one shows.
 * @param top most examples of the strongest, as the run's settings say
 * @param distinct what a group shows one example of: "context", "document" or "none"
 */
export function arrangeGroups(page: FeaturePage, top: number, distinct: string): ShownGroup[] {
  const groups = page.firing <= top ? [everything(page)] : page.groups;
  /** Of each row, the row of the example that is shown for it. */
  const seen = new Map<number, number>();
  return groups.map((group) => {
    const examples: (ShownExample & { readonly alike: FeatureExample[] })[] = [];
    const references: Reference[] = [];
    const windows = new Map<string, number>();
    for (const example of group.examples) {
      const shown = seen.get(example.row);
      if (shown !== undefined) {
        references.push({ example, shown });
        continue;
      }
      const window = `${example.focus} ${example.ids.join(' ')}`;
      const place = windows.get(window) ?? examples.push({ example, alike: [] }) - 1;
      const first = examples[place]!;
      if (first.example !== example) first.alike.push(example);
      windows.set(window, place);
      seen.set(example.row, first.example.row);
    }
    return { group, title: titleOf(group, page, top, distinct), examples, references };
  });
}

/** All examples of a page as one list: by activation, then by row. */
function everything({ groups }: FeaturePage): FeatureGroup {
  const byRow = new Map(groups.flatMap(({ examples }) => examples).map((example) => [example.row, example]));
  const examples = [...byRow.values()].sort((a, b) => b.activation - a.activation || a.row - b.row);
  return { name: 'top', examples };
}

function titleOf(group: FeatureGroup, page: FeaturePage, top: number, distinct: string): string {
  const each = distinct === 'none' ? '' : `, one for each ${distinct}`;
  if (page.firing <= top) {
    const count = group.examples.length;
    if (count < page.firing) return `${count} of its ${page.firing} firing tokens${each}`;
    return page.firing === 1 ? 'The one firing token' : `All ${page.firing} firing tokens`;
  }
  switch (group.name) {
    case 'top':
      return `Strongest examples${each}`;
    case 'random':
      return `Random examples${each}`;
    case 'interval':
      return `${short(group.from)} to ${short(group.to)}`;
  }
}
