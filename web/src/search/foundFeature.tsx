import type { ComponentChild } from 'preact';
import { featureLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { Message } from '../shell/message.js';
import { LabelText } from '../text/labelText.js';
import { grouped, percent, short } from '../text/numbers.js';
import { TokenText } from '../tokens/tokenText.js';
import { useRead } from './useRead.js';

interface Properties {
  readonly store: RunStore;
  readonly feature: number;
}

/** The feature of a number, if the run has it. */
export function FoundFeature({ store, feature }: Properties): ComponentChild {
  const { of } = store.description.features;
  const has = store.reader.has(feature);
  const { value: page, failure, retry } = useRead(async () => (has ? store.page(feature) : undefined), feature);
  if (!has) {
    return (
      <section>
        <h2>Feature {feature}</h2>
        <p>
          {feature < of
            ? 'is not in this run, which was made for a part of the SAE’s features.'
            : `does not exist: the SAE has the features 0 to ${grouped(of - 1)}.`}
        </p>
      </section>
    );
  }
  if (failure !== undefined) return <Message error={failure} onRetry={retry} />;
  return (
    <section>
      <h2>Feature {feature}</h2>
      <p>
        <a href={featureLink(feature)}>Feature {feature}</a>
        {page && (
          <>
            {page.label !== null && (
              <>
                {' '}
                <LabelText label={page.label} />
              </>
            )}
            {page.state === 'dead'
              ? `, dead: ${page.reason}`
              : `, ${page.state}, fires on ${percent(page.density)} of the tokens, up to ${short(page.max)}`}
            {page.topTokens.length > 0 && ', mostly on '}
            {page.topTokens.slice(0, 3).map(({ id, token }) => (
              <span key={id}>
                <TokenText text={token} blanks />{' '}
              </span>
            ))}
          </>
        )}
      </p>
    </section>
  );
}
