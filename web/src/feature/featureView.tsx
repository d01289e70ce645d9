import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { FeaturePage } from '../../../src/pages/page.js';
import { goTo } from '../navigation.js';
import { featureLink, type Route } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { Message } from '../shell/message.js';
import { useShortcuts } from '../shortcuts.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'feature' }>;
}

export function FeatureView({ store, route }: Properties): ComponentChild {
  const { feature } = route;
  const [page, setPage] = useState<FeaturePage>();
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    store.page(feature).then(setPage, setFailure);
  }, [store, feature]);
  const go = (to: number | undefined): void => {
    if (to !== undefined) goTo(featureLink(to));
  };
  useShortcuts('Feature', [
    { keys: [']', 'n'], does: 'next feature', action: () => go(store.after(feature)) },
    { keys: ['[', 'p'], does: 'previous feature', action: () => go(store.before(feature)) },
  ]);
  if (failure !== undefined) return <Message error={failure} />;
  if (page === undefined) return <p role="status">Loading…</p>;
  return <h1>Feature {page.feature}</h1>;
}
