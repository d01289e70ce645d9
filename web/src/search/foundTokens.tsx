import type { ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import type { FeatureTable } from '../overview/featureTable.js';
import { folded } from '../overview/matches.js';
import { searchLink } from '../routes.js';
import { Message } from '../shell/message.js';
import { grouped } from '../text/numbers.js';
import { TokenText } from '../tokens/tokenText.js';
import { findTokens } from './findTokens.js';
import { TokenFeatures } from './tokenFeatures.js';
import { useRead } from './useRead.js';

interface Properties {
  readonly table: FeatureTable;
  readonly wanted: string;
  /** Token id of the address. */
  readonly chosen: number | undefined;
}

/** Tokens that are listed at first, and added by "more". */
const listed = 12;

/** So many of the likest tokens are looked up at once, to say how many features each one has. */
const lookedUp = 6;

/** Tokens like the text, and the features that fire most on one of them. */
export function FoundTokenList({ table, wanted, chosen }: Properties): ComponentChild {
  const [most, setMost] = useState(listed);
  const {
    value: found,
    failure,
    retry,
  } = useRead(async (signal) => {
    await table.readTokenTexts();
    const { ids, alike } = findTokens(wanted, table.tokenTexts!, folded);
    const likest = ids.slice(0, Math.min(lookedUp, Math.max(1, alike)));
    const totals = await Promise.all(likest.map(async (id) => (await table.store.reader.search(id, signal)).total));
    return { ids, totals };
  }, wanted);
  if (failure !== undefined) return <Message error={failure} onRetry={retry} />;
  if (!found) return <p role="status">Looking for tokens…</p>;
  const { ids, totals } = found;
  // Of those that are alike, the one that says most: "the" mostly stands behind a space.
  const token = chosen ?? ids[totals.indexOf(Math.max(...totals))];
  const texts = table.tokenTexts!.texts;
  return (
    <section>
      <h2>Tokens</h2>
      {ids.length === 0 && <p role="status">No token of the vocabulary contains this.</p>}
      <ul class="tokens" aria-label={`${grouped(ids.length)} tokens contain this`}>
        {ids.slice(0, most).map((id, n) => (
          <li key={id}>
            <a
              class="button"
              href={searchLink(new URLSearchParams({ q: wanted, token: String(id) }))}
              aria-current={id === token ? 'true' : undefined}
              title={`Token ${id}`}
            >
              <TokenText text={texts[id]!.slice(0, 60)} blanks />
              {totals[n] !== undefined && (
                <span class="muted">
                  {' '}
                  {grouped(totals[n])}
                  <span class="unseen"> features</span>
                </span>
              )}
            </a>
          </li>
        ))}
        {ids.length > most && (
          <li>
            <button type="button" class="quiet" onClick={() => setMost(most + 5 * listed)}>
              {grouped(ids.length - most)} more
            </button>
          </li>
        )}
      </ul>
      {token !== undefined && <TokenFeatures key={token} table={table} token={token} />}
    </section>
  );
}
