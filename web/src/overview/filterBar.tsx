import type { ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import { grouped } from '../text/numbers.js';
import { countFilters, type Filters, type Range, type RangeName, stateNames, type StateName } from './filters.js';
import { RangeField } from './rangeField.js';

interface Properties {
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
  /** Features in each state. */
  readonly counts: Readonly<Record<StateName, number>>;
  readonly hasLabels: boolean;
}

const ranges: readonly { readonly name: RangeName; readonly title: string; readonly percent: boolean }[] = [
  { name: 'density', title: 'Density', percent: true },
  { name: 'max', title: 'Max', percent: false },
  { name: 'mean', title: 'Mean', percent: false },
  { name: 'firing', title: 'Firing', percent: false },
  { name: 'share', title: 'Token share', percent: true },
];

/** Everything by which the table is narrowed; what a drag in a plot selects stands here, too. */
export function FilterBar({ filters, onChange, counts, hasLabels }: Properties): ComponentChild {
  const setRange = (name: RangeName, range: Range | undefined): void => {
    const { [name]: _before, ...other } = filters.ranges;
    onChange({ ...filters, ranges: range ? { ...other, [name]: range } : other });
  };
  const setText = (name: 'tokenText' | 'label', text: string): void => {
    const { [name]: _before, ...other } = filters;
    onChange(text === '' ? other : { ...other, [name]: text });
  };
  const { tokenId } = filters;
  const [open, setOpen] = useState(() => !matchMedia('(max-width: 60rem)').matches);
  const count = countFilters(filters);
  return (
    <details class="filter-box" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{count === 0 ? 'Filters' : `Filters (${count})`}</summary>
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <fieldset class="states">
          <legend>State</legend>
          {stateNames.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={filters.states.includes(name)}
                onChange={({ currentTarget: { checked } }) => {
                  const states = stateNames.filter((each) => (each === name ? checked : filters.states.includes(each)));
                  onChange({ ...filters, states });
                }}
              />
              {name} <span class="muted">{grouped(counts[name])}</span>
            </label>
          ))}
        </fieldset>
        <label class="text-filter">
          <span>Top token</span>
          <input
            type="search"
            value={filters.tokenText ?? ''}
            placeholder="contains"
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => setText('tokenText', currentTarget.value)}
          />
        </label>
        {tokenId !== undefined && (
          <button
            type="button"
            onClick={() => {
              const { tokenId: _before, ...other } = filters;
              onChange(other);
            }}
          >
            top token is #{tokenId} <span aria-hidden="true">✕</span>
            <span class="unseen">, remove this filter</span>
          </button>
        )}
        {hasLabels && (
          <label class="text-filter">
            <span>Label</span>
            <input
              type="search"
              value={filters.label ?? ''}
              placeholder="contains"
              autocomplete="off"
              onInput={({ currentTarget }) => setText('label', currentTarget.value)}
            />
          </label>
        )}
        {ranges.map(({ name, title, percent }) => (
          <RangeField
            key={name}
            name={title}
            range={filters.ranges[name]}
            percent={percent}
            onChange={(range) => setRange(name, range)}
          />
        ))}
      </form>
    </details>
  );
}
