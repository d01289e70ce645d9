import type { ComponentChild } from 'preact';
import type { FeaturePage } from '../../../src/pages/page.js';
import { featureLink } from '../routes.js';
import { grouped, oneIn, percent, short } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { visibleText } from '../text/visibleText.js';

interface Properties {
  readonly page: FeaturePage;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Which feature it is, in which state, and how often and how strongly it fires. */
export function FeatureHeader({ page, before, after }: Properties): ComponentChild {
  const { feature, label, state, tokens, firing, excludedFiring, density, max, mean } = page;
  const rare = oneIn(density);
  return (
    <header class="feature-head">
      <div class="name">
        <h1>
          Feature <Quantity of={feature} as={String(feature)} />
        </h1>
        <span class={`state ${state}`}>{state}</span>
        {label !== null && <p class="label foreign">{visibleText(label)}</p>}
        <nav aria-label="Features beside this one" class="beside">
          <Beside to={before} rel="prev" name="Previous" />
          <Beside to={after} rel="next" name="Next" />
        </nav>
      </div>
      <dl class="statistics">
        <div>
          <dt>fires on</dt>
          <dd>
            <strong>
              <Quantity of={firing} as={grouped(firing)} />
            </strong>{' '}
            of <Quantity of={tokens} as={grouped(tokens)} /> tokens
          </dd>
        </div>
        <div>
          <dt>density</dt>
          <dd>
            <strong>
              <Quantity of={density} as={percent(density)} />
            </strong>
            {rare && <span class="muted">, {rare}</span>}
          </dd>
        </div>
        <div>
          <dt>max</dt>
          <dd>
            <strong>
              <Quantity of={max} as={short(max)} />
            </strong>
          </dd>
        </div>
        <div>
          <dt>mean where it fires</dt>
          <dd>
            <strong>
              <Quantity of={mean} as={short(mean)} />
            </strong>
          </dd>
        </div>
        {excludedFiring > 0 && (
          <div>
            <dt>also on excluded tokens</dt>
            <dd>
              <strong>
                <Quantity of={excludedFiring} as={grouped(excludedFiring)} />
              </strong>
            </dd>
          </div>
        )}
      </dl>
      {remark(page) && <p class="remark">{remark(page)}</p>}
    </header>
  );
}

/** What a state means for a reader. */
function remark({ state, reason, tokens }: FeaturePage): string | undefined {
  if (state === 'dense')
    return 'Dense: it fires on more than 10 % of all tokens. Such features seldom stand for one thing.';
  if (reason === 'never fires')
    return `Dead: it never fires. On none of ${grouped(tokens)} tokens is its activation above 0.`;
  if (reason === 'fires only on excluded tokens') {
    return 'Dead: it fires only on excluded tokens, which no statistic counts (Provenance says which ones).';
  }
  return undefined;
}

function Beside({
  to,
  rel,
  name,
}: {
  readonly to: number | undefined;
  readonly rel: string;
  readonly name: string;
}): ComponentChild {
  const arrow = rel === 'prev' ? '←' : '→';
  const text = rel === 'prev' ? `${arrow} ${to ?? ''}` : `${to ?? ''} ${arrow}`;
  if (to === undefined)
    return (
      <span class="button muted" aria-hidden="true">
        {arrow}
      </span>
    );
  return (
    <a class="button" rel={rel} href={featureLink(to)} aria-label={`${name} feature, ${to}`} title={`${name} feature`}>
      {text}
    </a>
  );
}
