import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { fetchedRunFiles } from '../../src/pages/fetchedRunFiles.js';
import { FeatureView } from './feature/featureView.js';
import { goTo, useRoute } from './navigation.js';
import { keepRun } from './offline.js';
import { overviewLink, type Route } from './routes.js';
import { RunStore } from './runStore.js';
import { FailureBoundary } from './shell/failureBoundary.js';
import { Header } from './shell/header.js';
import { HelpDialog } from './shell/helpDialog.js';
import { LazyView } from './shell/lazyView.js';
import { Message } from './shell/message.js';
import { ProvenanceDialog } from './shell/provenanceDialog.js';
import { useShortcuts } from './shortcuts.js';

/** The run lies where the app does. */
const runUrl = new URL('./', location.href.replace(/#.*/s, '')).href;

const loadOverview = (): Promise<typeof import('./overview/overviewView.js')> => import('./overview/overviewView.js');
const loadList = (): Promise<typeof import('./list/listView.js')> => import('./list/listView.js');
const loadSearch = (): Promise<typeof import('./search/searchView.js')> => import('./search/searchView.js');

/** The whole browser: opens the run, then shows the view that the address names. */
export function App(): ComponentChild {
  const [store, setStore] = useState<RunStore>();
  const [failure, setFailure] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  const [offline, setOffline] = useState(false);
  useEffect(() => {
    setFailure(undefined);
    keepRun(fetchedRunFiles(runUrl), runUrl, setOffline)
      .then((files) => RunStore.open(files, runUrl.replace(/\/$/, '')))
      .then(setStore, setFailure);
  }, [attempt]);
  if (store) return <Shell store={store} offline={offline} />;
  return (
    <main class="page">
      {failure === undefined ? (
        <p role="status">Opening the run…</p>
      ) : (
        <Message error={failure} onRetry={() => setAttempt(attempt + 1)} />
      )}
    </main>
  );
}

function Shell({ store, offline }: { readonly store: RunStore; readonly offline: boolean }): ComponentChild {
  const route = useRoute();
  const [dialog, setDialog] = useState<'help' | 'provenance'>();
  const close = (): void => setDialog(undefined);
  const focus = (id: string): void => document.getElementById(id)?.focus();
  useShortcuts('Everywhere', [
    { keys: ['?'], does: 'show this help', action: () => setDialog('help') },
    { keys: ['/'], does: 'search', action: () => focus('search') },
    { keys: ['g'], does: 'go to a feature by its number', action: () => focus('jump') },
    { keys: ['o'], does: 'overview of all features', action: () => goTo(overviewLink()) },
    { keys: ['i'], does: 'where this run comes from', action: () => setDialog('provenance') },
  ]);
  const feature = route.view === 'feature' ? route.feature : undefined;
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          // The part behind # is the route, so the browser's own jump would leave it.
          event.preventDefault();
          focus('content');
        }}
      >
        Skip to content
      </a>
      <Header
        store={store}
        route={route}
        offline={offline}
        onProvenance={() => setDialog('provenance')}
        onHelp={() => setDialog('help')}
      />
      <main id="content" class="page" tabIndex={-1}>
        <FailureBoundary key={route.view === 'feature' ? `feature ${route.feature}` : route.view}>
          <View route={route} store={store} />
        </FailureBoundary>
      </main>
      {dialog === 'help' && <HelpDialog onClose={close} />}
      {dialog === 'provenance' && <ProvenanceDialog run={store.description} feature={feature} onClose={close} />}
    </>
  );
}

function View({ route, store }: { readonly route: Route; readonly store: RunStore }): ComponentChild {
  switch (route.view) {
    case 'overview':
      return <LazyView load={loadOverview} show={({ OverviewView }) => <OverviewView store={store} route={route} />} />;
    case 'list':
      return <LazyView load={loadList} show={({ ListView }) => <ListView store={store} route={route} />} />;
    case 'search':
      return <LazyView load={loadSearch} show={({ SearchView }) => <SearchView store={store} route={route} />} />;
    case 'feature':
      return <FeatureView store={store} route={route} />;
    case 'unknown':
      return (
        <Message error={new Error(`There is no view ${route.hash}.`)}>
          <a href={overviewLink()}>Overview of all features</a>
        </Message>
      );
  }
}
