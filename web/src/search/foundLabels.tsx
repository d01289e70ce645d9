import type { ComponentChild } from 'preact';
import type { FeatureTable } from '../overview/featureTable.js';
import { noFilters, writeFilters } from '../overview/filters.js';
import { folded } from '../overview/matches.js';
import { featureLink, overviewLink } from '../routes.js';
import { Message } from '../shell/message.js';
import { LabelText } from '../text/labelText.js';
import { grouped } from '../text/numbers.js';
import { useRead } from './useRead.js';

interface Properties {
  readonly table: FeatureTable;
  readonly wanted: string;
}

/** So many are listed here; the overview shows all. */
const listed = 20;

/** Features whose label contains the text. */
export function FoundLabels({ table, wanted }: Properties): ComponentChild {
  const { value: labels, failure, retry } = useRead(() => table.readLabels(), wanted);
  if (failure !== undefined) return <Message error={failure} onRetry={retry} />;
  const text = folded(wanted.trim());
  const found = [...(labels ?? [])].filter(([, label]) => folded(label).includes(text));
  const all = overviewLink(writeFilters({ ...noFilters, label: wanted.trim() }));
  return (
    <section>
      <h2>Labels</h2>
      <p role="status">
        {labels === undefined
          ? 'Reading the labels…'
          : found.length === 0
            ? 'No label contains this.'
            : `${grouped(found.length)} ${found.length === 1 ? 'label contains' : 'labels contain'} this.`}
      </p>
      <ul class="labels">
        {found.slice(0, listed).map(([feature, label]) => (
          <li key={feature}>
            <a href={featureLink(feature)}>
              <span class="feature-number">{feature}</span> <LabelText label={label} />
            </a>
          </li>
        ))}
      </ul>
      {found.length > 0 && <a href={all}>{found.length > listed ? 'All of them' : 'The same'} as a table</a>}
    </section>
  );
}
