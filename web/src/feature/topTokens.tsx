import type { ComponentChild } from 'preact';
import type { FeaturePage } from '../../../src/pages/page.js';
import { grouped, percent } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { TokenText } from '../tokens/tokenText.js';
import { tokenSearch } from './tokenSearch.js';

interface Properties {
  readonly page: FeaturePage;
  /** Most firing tokens in the sample from which the shares come. */
  readonly sample: number;
}

/** The tokens on which the feature fires most often. */
export function TopTokens({ page, sample }: Properties): ComponentChild {
  const { topTokens, firing } = page;
  if (topTokens.length === 0) return null;
  const rest = 1 - topTokens.reduce((sum, { share }) => sum + share, 0);
  const exact = firing <= sample;
  return (
    <section class="card top-tokens">
      <h2>
        Fires on{' '}
        <span class="muted note">
          {exact ? `share of all ${grouped(firing)}` : `estimated from ${grouped(sample)} of ${grouped(firing)}`}
        </span>
      </h2>
      <ol class="bars">
        {topTokens.map(({ id, token, share }) => (
          <li key={id}>
            <span>
              <TokenText text={token} blanks link={tokenSearch(id)} />
            </span>
            <meter aria-hidden="true" value={share} />
            <Quantity of={share} as={percent(share)} />
          </li>
        ))}
        {rest > 1e-9 && (
          <li class="muted">
            <span>other tokens</span>
            <meter aria-hidden="true" value={rest} />
            <span>{percent(rest)}</span>
          </li>
        )}
      </ol>
    </section>
  );
}
