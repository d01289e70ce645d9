import type { ComponentChild } from 'preact';
import { shortestFloat32 } from '../../../src/pages/float32.js';
import { LabelText } from '../text/labelText.js';
import { grouped, percent, short } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { cut } from '../text/visibleText.js';
import { TokenText } from '../tokens/tokenText.js';
import type { FeatureRow } from './featureTable.js';
import type { SortKey } from './sort.js';

/** A column as it stands in the page. */
export interface TableColumn {
  readonly key: SortKey;
  readonly title: string;
  /** For whoever rests the pointer on it. */
  readonly meaning: string;
  readonly isNumber: boolean;
}

const all: readonly TableColumn[] = [
  { key: 'feature', title: 'Feature', meaning: 'Number of the feature', isNumber: true },
  { key: 'label', title: 'Label', meaning: 'Label that came with the run', isNumber: false },
  {
    key: 'state',
    title: 'State',
    meaning: 'Alive, dense (fires on more than 10 % of tokens) or dead',
    isNumber: false,
  },
  { key: 'density', title: 'Density', meaning: 'Share of the tokens on which it fires', isNumber: true },
  { key: 'firing', title: 'Firing', meaning: 'Tokens on which it fires', isNumber: true },
  { key: 'max', title: 'Max', meaning: 'Largest activation', isNumber: true },
  { key: 'mean', title: 'Mean', meaning: 'Mean activation over the tokens on which it fires', isNumber: true },
  { key: 'token', title: 'Top token', meaning: 'Commonest token in its sample', isNumber: false },
  { key: 'share', title: 'Share', meaning: 'Share of the top token in its sample', isNumber: true },
];

/** @param labels whether features of the run have labels */
export function tableColumnsFor(labels: boolean): readonly TableColumn[] {
  return labels ? all : all.filter(({ key }) => key !== 'label');
}

/** The cells of a row behind the feature's number. A part that has not been read yet is a dot. */
export function FeatureCells({
  row,
  columns,
}: {
  readonly row: FeatureRow;
  readonly columns: readonly TableColumn[];
}): ComponentChild {
  return columns.slice(1).map(({ key, isNumber }) => (
    <td key={key} class={isNumber ? 'number' : `column-${key}`}>
      {cellOf(row, key)}
    </td>
  ));
}

function cellOf(row: FeatureRow, key: SortKey): ComponentChild {
  switch (key) {
    case 'feature':
      return row.feature;
    case 'label':
      return row.label === undefined ? undefined : <LabelText label={row.label} />;
    case 'state':
      return row.state === undefined ? unread : <StateName state={row.state} />;
    case 'density':
      return row.density === undefined ? unread : <Quantity of={row.density} as={percent(row.density)} />;
    case 'firing':
      return row.firing === undefined ? unread : grouped(row.firing);
    case 'max':
      return row.max === undefined ? unread : <Activation value={row.max} />;
    case 'mean':
      return row.mean === undefined ? unread : <Activation value={row.mean} />;
    case 'token':
      if (row.topToken === undefined) return row.firing === 0 ? none : unread;
      return row.topToken.text === undefined ? `#${row.topToken.id}` : <TopToken text={row.topToken.text} />;
    case 'share':
      if (row.share === undefined) return row.firing === 0 ? none : unread;
      return <Quantity of={shortestFloat32(row.share)} as={percent(shortestFloat32(row.share))} />;
  }
}

const unread = <span class="muted">·</span>;
const none = <span class="muted">–</span>;

function Activation({ value }: { readonly value: number }): ComponentChild {
  const printed = shortestFloat32(value);
  return <Quantity of={printed} as={short(printed)} />;
}

/** A line has no room for more. */
const mostCharacters = 40;

function TopToken({ text }: { readonly text: string }): ComponentChild {
  const { shown, left } = cut(text, mostCharacters);
  return (
    <>
      <TokenText text={shown} blanks />
      {left > 0 && <span class="muted"> +{left}</span>}
    </>
  );
}

function StateName({ state }: { readonly state: string }): ComponentChild {
  const [name = '', reason] = state.split(': ');
  return (
    <span class={`row-state ${name}`} title={reason}>
      {name}
      {reason && <span class="unseen">: {reason}</span>}
    </span>
  );
}
