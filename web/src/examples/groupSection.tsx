import type { ComponentChild } from 'preact';
import { useId } from 'preact/hooks';
import { featureLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { percent, short } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { TokenText } from '../tokens/tokenText.js';
import type { ShownGroup } from './exampleGroups.js';
import { ExampleItem } from './exampleItem.js';

interface Properties {
  readonly store: RunStore;
  readonly shown: ShownGroup;
  readonly feature: number;
  /** The feature's highest activation. */
  readonly max: number;
  /** Row of the example that the address names. */
  readonly linked: number | undefined;
  /** Whether spaces are marked. */
  readonly blanks: boolean;
}

/** A group of examples under its title. */
export function GroupSection({ shown, feature, linked, ...shared }: Properties): ComponentChild {
  const { group, title, examples, references } = shown;
  const heading = useId();
  const empty = group.examples.length === 0;
  return (
    <section class={`group ${group.name}`} aria-labelledby={heading}>
      {group.name === 'interval' ? (
        <h3 id={heading}>
            <Quantity of={group.from} as={title.split(' to ')[0]!} /> to{' '}
            <Quantity of={group.to} as={title.split(' to ')[1]!} />
            <span class="muted share">
              <Quantity of={group.share} as={percent(group.share)} /> of its firing tokens
            </span>
        </h3>
      ) : (
        <h2 id={heading}>{title}</h2>
      )}
      {empty && <p class="muted">No token fires in this range.</p>}
      {examples.length > 0 && (
        <ol class="examples">
          {examples.map((each) => (
            <ExampleItem
              key={each.example.row}
              shown={each}
              feature={feature}
              linked={linked !== undefined && rowsOf(each).includes(linked)}
              {...shared}
            />
          ))}
        </ol>
      )}
      {references.length > 0 && (
        <p class="references muted">
          {examples.length > 0 ? 'Also of this group, and shown above: ' : 'Shown above: '}
          {references.map(({ example, shown: row }) => (
            <a key={example.row} href={featureLink(feature, row)}>
              <Quantity of={example.activation} as={short(example.activation)} />{' '}
              <TokenText text={example.tokens[example.focus]!} blanks />
            </a>
          ))}
        </p>
      )}
    </section>
  );
}

function rowsOf({ example, alike }: ShownGroup['examples'][number]): number[] {
  return [example, ...alike].map(({ row }) => row);
}
