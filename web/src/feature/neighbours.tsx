import type { ComponentChild } from 'preact';
import type { FeaturePage } from '../../../src/pages/page.js';
import { featureLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { signed } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';

interface Properties {
  readonly store: RunStore;
  readonly neighbours: FeaturePage['neighbours'];
}

/** Features whose decoder rows point in the most similar directions. */
export function Neighbours({ store, neighbours }: Properties): ComponentChild {
  if (neighbours.length === 0) return null;
  return (
    <section class="card neighbours">
      <h2>
        Similar features <span class="muted note">cosine of decoder rows</span>
      </h2>
      <ol>
        {neighbours.map(({ feature, cosine }) => (
          <li key={feature}>
            {store.reader.has(feature) ? (
              <a href={featureLink(feature)}>{feature}</a>
            ) : (
              <span title="not in this run">{feature}</span>
            )}{' '}
            <span class="muted">
              <Quantity of={cosine} as={signed(cosine)} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
