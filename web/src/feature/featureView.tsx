import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { FeaturePage } from '../../../src/pages/page.js';
import { BarChart } from '../charts/barChart.js';
import { goTo } from '../navigation.js';
import { exampleSettings } from '../provenance.js';
import { featureLink, overviewLink, type Route } from '../routes.js';
import { isMissingFeature, type RunStore } from '../runStore.js';
import { Message } from '../shell/message.js';
import { useShortcuts } from '../shortcuts.js';
import { grouped } from '../text/numbers.js';
import { visibleText } from '../text/visibleText.js';
import { FeatureExamples } from './featureExamples.js';
import { FeatureHeader } from './featureHeader.js';
import { LogitEffects } from './logitEffects.js';
import { Neighbours } from './neighbours.js';
import { TopTokens } from './topTokens.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'feature' }>;
}

/** A feature's page. Those before and after it are read as soon as it is shown. */
export function FeatureView({ store, route }: Properties): ComponentChild {
  const { feature } = route;
  const [page, failure, retry] = usePage(store, feature);
  const [before, after] = [store.before(feature), store.after(feature)];
  const go = (to: number | undefined): void => {
    if (to !== undefined) goTo(featureLink(to));
  };
  useShortcuts('Feature', [
    { keys: ['n', ']'], does: 'next feature', action: () => go(after) },
    { keys: ['p', '['], does: 'previous feature', action: () => go(before) },
  ]);
  useEffect(() => {
    document.title = `${page?.label ? `${visibleText(page.label)} · ` : ''}Feature ${feature} · riffle`;
    if (page) store.prefetch([after, before, after === undefined ? undefined : store.after(after)]);
  }, [page, feature]);
  const example = route.query.get('example');
  useEffect(() => {
    if (example === null) scrollTo(0, 0);
  }, [feature]);
  if (failure !== undefined) {
    return (
      <Message error={failure} onRetry={isMissingFeature(failure) ? undefined : retry}>
        {before !== undefined && <a href={featureLink(before)}>Feature {before}</a>}
        {after !== undefined && <a href={featureLink(after)}>Feature {after}</a>}
        <a href={overviewLink()}>Overview of all features</a>
      </Message>
    );
  }
  if (page === undefined) {
    return (
      <>
        <h1>Feature {feature}</h1>
        <p role="status">Loading…</p>
      </>
    );
  }
  const { sample } = exampleSettings(store.description);
  return (
    <article class={`feature ${page.state}`}>
      <p class="unseen" role="status">
        Feature {feature}: {page.state}, fires on {grouped(page.firing)} of {grouped(page.tokens)} tokens
      </p>
      <FeatureHeader page={page} before={before} after={after} />
      <div class="cards first">
        <TopTokens page={page} sample={sample} />
        <LogitEffects logits={page.logits} />
      </div>
      {page.groups.length > 0 && (
        <FeatureExamples
          key={feature}
          store={store}
          page={page}
          linked={example === null ? undefined : Number(example)}
        />
      )}
      <div class="cards more">
        {page.histogram && (
          <BarChart
            key={`activations ${feature}`}
            title="Activations"
            note="both axes logarithmic"
            histogram={page.histogram}
            axis="logarithmic"
            counted="tokens"
          />
        )}
        {page.logits && (
          <BarChart
            key={`logits ${feature}`}
            title="All logit effects"
            note="counts logarithmic"
            histogram={page.logits.histogram}
            axis="linear"
            counted="tokens of the vocabulary"
          />
        )}
        <Neighbours store={store} neighbours={page.neighbours} />
      </div>
    </article>
  );
}

/** The page of a feature: at once where it is at hand. */
function usePage(store: RunStore, feature: number): [FeaturePage | undefined, unknown, () => void] {
  const [loaded, setLoaded] = useState<{ feature: number; page?: FeaturePage; failure?: unknown }>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let wanted = true;
    setLoaded(undefined);
    store.page(feature).then(
      (page) => wanted && setLoaded({ feature, page }),
      (failure: unknown) => wanted && setLoaded({ feature, failure }),
    );
    return () => {
      wanted = false;
    };
  }, [store, feature, attempt]);
  const mine = loaded?.feature === feature ? loaded : undefined;
  return [mine?.page ?? store.pageAtHand(feature), mine?.failure, () => setAttempt(attempt + 1)];
}
