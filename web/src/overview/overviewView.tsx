import type { ComponentChild } from 'preact';
import type { Route } from '../routes.js';
import type { RunStore } from '../runStore.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'overview' }>;
}

export function OverviewView({ store }: Properties): ComponentChild {
  return <h1>{store.description.features.count} features</h1>;
}
