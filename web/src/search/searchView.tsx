import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { goTo } from '../navigation.js';
import { tableOf } from '../overview/featureTable.js';
import { type Route, searchLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { useShortcuts } from '../shortcuts.js';
import { FoundFeature } from './foundFeature.js';
import { FoundLabels } from './foundLabels.js';
import { FoundTokenList } from './foundTokens.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'search' }>;
}

/** Features by token, by number and by label: one text is looked for in all three. */
export function SearchView({ store, route: { query } }: Properties): ComponentChild {
  const wanted = query.get('q') ?? '';
  const token = /^\d{1,10}$/.test(query.get('token') ?? '') ? Number(query.get('token')) : undefined;
  const field = useRef<HTMLInputElement>(null);
  const table = tableOf(store);
  const feature = /^\s*#?(\d{1,10})\s*$/.exec(wanted)?.[1];
  useEffect(() => {
    document.title = wanted === '' ? 'Search · riffle' : `${wanted.slice(0, 60)} · Search · riffle`;
  }, [wanted]);
  useShortcuts('Search', [{ keys: ['e'], does: 'edit what is looked for', action: () => field.current?.focus() }]);
  return (
    <div class="search-view">
      <h1>Search</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          goTo(searchLink(new URLSearchParams({ q: field.current?.value ?? '' })));
        }}
      >
        <input
          key={wanted}
          ref={field}
          type="search"
          defaultValue={wanted}
          aria-label="Token, number of a feature, or part of a label"
          placeholder="Token, number of a feature, or part of a label"
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit">Search</button>
      </form>
      {wanted === '' ? (
        <p class="muted">
          Finds the features that fire most on a token (its text, such as <kbd>the</kbd>; <kbd>\n</kbd> is a line
          break), a feature by its number{table.hasLabels && ', and features by a part of their label'}.
        </p>
      ) : (
        <>
          {feature !== undefined && <FoundFeature key={feature} store={store} feature={Number(feature)} />}
          <FoundTokenList key={`token ${wanted}`} table={table} wanted={wanted} chosen={token} />
          {table.hasLabels && <FoundLabels key={`label ${wanted}`} table={table} wanted={wanted} />}
        </>
      )}
    </div>
  );
}
