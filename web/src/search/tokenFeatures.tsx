import type { ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import type { Posting } from '../../../src/pages/search.js';
import type { FeatureTable } from '../overview/featureTable.js';
import { noFilters, writeFilters } from '../overview/filters.js';
import { featureLink, listLink, overviewLink } from '../routes.js';
import { Message } from '../shell/message.js';
import { LabelText } from '../text/labelText.js';
import { grouped, percent } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { TokenText } from '../tokens/tokenText.js';
import { useRead } from './useRead.js';

interface Properties {
  readonly table: FeatureTable;
  readonly token: number;
}

const listed = 50;

/** The features that fire most on a token, from their samples. */
export function TokenFeatures({ table, token }: Properties): ComponentChild {
  const [most, setMost] = useState(listed);
  const {
    value: found,
    failure,
    retry,
  } = useRead(async (signal) => {
    const [result, labels] = await Promise.all([
      table.store.reader.search(token, signal),
      table.hasLabels ? table.readLabels() : new Map<number, string>(),
    ]);
    return { ...result, labels };
  }, token);
  if (failure !== undefined) return <Message error={failure} onRetry={retry} />;
  if (!found) return <p role="status">Looking for features…</p>;
  const { features, total, labels } = found;
  const text = table.tokenTexts?.texts[token] ?? `#${token}`;
  const shown = features.slice(0, most);
  const withTopToken = overviewLink(writeFilters({ ...noFilters, tokenId: token }));
  return (
    <>
      <h3>
        Features that fire most on <TokenText text={text} blanks />
      </h3>
      <p role="status">
        {total === 0
          ? 'This token is not 5 % of any feature’s sample.'
          : `${grouped(total)} ${total === 1 ? 'feature fires' : 'features fire'} on it in 5 % of its sample or more, the best first` +
            `${total > features.length ? `; ${grouped(features.length)} are kept` : ''}.`}
      </p>
      {total > 0 && (
        <>
          <p class="ways">
            <a
              class="button"
              href={listLink(
                features
                  .slice(0, 20)
                  .map(({ feature }) => feature)
                  .join(','),
              )}
            >
              {features.length > 20 ? 'First 20 as a list' : 'As a list'}
            </a>
            <a class="button" href={withTopToken}>
              Features whose top token it is
            </a>
          </p>
          <table class="found">
            <thead>
              <tr>
                <th scope="col" class="number">
                  Feature
                </th>
                {table.hasLabels && <th scope="col">Label</th>}
                <th scope="col">Share of its firing</th>
                <th scope="col" class="number">
                  Firing
                </th>
                <th scope="col" class="number">
                  Density
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((posting) => (
                <tr key={posting.feature}>
                  <th scope="row" class="number">
                    <a href={featureLink(posting.feature)}>{posting.feature}</a>
                  </th>
                  {table.hasLabels && (
                    <td>
                      <LabelText label={labels.get(posting.feature) ?? ''} />
                    </td>
                  )}
                  <td>
                    <Share posting={posting} />
                  </td>
                  <td class="number">{grouped(posting.firing)}</td>
                  <td class="number">
                    <Quantity
                      of={posting.firing / table.store.description.tokens}
                      as={percent(posting.firing / table.store.description.tokens)}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {features.length > most && (
            <button type="button" onClick={() => setMost(most + 4 * listed)}>
              More of them
            </button>
          )}
        </>
      )}
    </>
  );
}

/** Exact when the sample is everything that fires, else an estimate. */
function Share({ posting: { hits, sampled, firing } }: { readonly posting: Posting }): ComponentChild {
  const exact = sampled === firing;
  const basis = exact
    ? `${grouped(hits)} of all ${grouped(firing)}`
    : `${grouped(hits)} of ${grouped(sampled)} sampled`;
  return (
    <span class="share">
      <meter aria-hidden="true" value={hits / sampled} />
      <Quantity of={hits / sampled} as={percent(hits / sampled)} />
      <span class="muted">
        {exact ? 'exact' : 'estimated'}: {basis}
      </span>
    </span>
  );
}
