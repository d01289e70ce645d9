import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { InvalidInput } from '../../../src/errors.js';
import { TokenTip } from '../examples/tokenTip.js';
import { goTo } from '../navigation.js';
import { listLink, overviewLink, type Route } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { CopyButton } from '../shell/copyButton.js';
import { Message } from '../shell/message.js';
import { useShortcuts } from '../shortcuts.js';
import { grouped } from '../text/numbers.js';
import { readList, writeList } from './listedFeatures.js';
import { ListRow } from './listRow.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'list' }>;
}

/** Rows that stand in the page at first, and added by "more". */
const rowsAtATime = 100;

/** Chosen features one below the other, to compare them. The address holds them, in their order. */
export function ListView({ store, route }: Properties): ComponentChild {
  const [most, setMost] = useState(rowsAtATime);
  const list = listOf(route.features);
  useEffect(() => {
    document.title = `Features ${route.features.slice(0, 60)} · riffle`;
  }, [route.features]);
  const show = (features: readonly number[]): void => goTo(listLink(writeList(features)));
  useShortcuts('List', [
    { keys: ['a'], does: 'add features', action: () => document.getElementById('list-add')?.focus() },
    { keys: ['j'], does: 'next feature', action: () => stepFocus(1) },
    { keys: ['k'], does: 'previous feature', action: () => stepFocus(-1) },
  ]);
  if (list instanceof Error) {
    return (
      <Message error={list}>
        <a href={overviewLink()}>Overview of all features</a>
      </Message>
    );
  }
  const shown = list.slice(0, most);
  return (
    <div class="list-view">
      <header>
        <h1>
          {grouped(list.length)} {list.length === 1 ? 'feature' : 'features'}
        </h1>
        <AddForm list={list} onAdd={(added) => show([...list, ...added])} />
        <CopyButton text={() => location.href}>Copy link</CopyButton>
      </header>
      <ol>
        {shown.map((feature) => (
          <ListRow
            key={feature}
            store={store}
            feature={feature}
            onRemove={list.length > 1 ? () => show(list.filter((each) => each !== feature)) : undefined}
          />
        ))}
      </ol>
      {list.length > most && (
        <button type="button" onClick={() => setMost(most + rowsAtATime)}>
          {grouped(list.length - most)} more
        </button>
      )}
      <TokenTip />
    </div>
  );
}

function listOf(text: string): number[] | Error {
  try {
    return readList(text);
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
}

interface AddProperties {
  readonly list: readonly number[];
  readonly onAdd: (features: readonly number[]) => void;
}

function AddForm({ list, onAdd }: AddProperties): ComponentChild {
  const [fault, setFault] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const field = event.currentTarget.elements.namedItem('add') as HTMLInputElement;
        const added = listOf(field.value.trim());
        if (added instanceof Error) {
          setFault(added.message);
          return;
        }
        setFault('');
        field.value = '';
        if (added.some((feature) => !list.includes(feature))) onAdd(added);
      }}
    >
      <input
        id="list-add"
        name="add"
        type="text"
        placeholder="7, 40-60"
        aria-label="Features to add: numbers and ranges"
        aria-invalid={fault !== ''}
        aria-describedby="list-fault"
        autocomplete="off"
      />
      <button type="submit">Add</button>
      <span id="list-fault" role="alert">
        {fault}
      </span>
    </form>
  );
}

/** Moves the focus to the next feature's link, or the one before. */
function stepFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('.list-view .list-feature')];
  const rows = [...document.querySelectorAll('.list-view li.list-row')];
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = now < 0 ? 0 : Math.min(links.length - 1, Math.max(0, now + step));
  links[next]?.focus();
}
