import type { ComponentChild } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { goTo } from '../navigation.js';
import { listLink, overviewLink, type Route } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { Message } from '../shell/message.js';
import { useShortcuts } from '../shortcuts.js';
import { grouped } from '../text/numbers.js';
import { csvFile, saveFile } from './csvFile.js';
import { tableColumnsFor } from './featureCells.js';
import { FeatureRows } from './featureRows.js';
import { type FeatureTable, tableOf } from './featureTable.js';
import { FilterBar } from './filterBar.js';
import { countFilters, type Filters, noFilters, type Range, readFilters, writeFilters } from './filters.js';
import { Plots } from './plots.js';
import { reports } from './reports.js';
import { readSort, type Sort, writeSort } from './sort.js';
import { useShown, useTableParts } from './useFeatureTable.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Extract<Route, { view: 'overview' }>;
}

/** So many of the shown features can be seen as a list at once. */
const listed = 20;

/** All features of the run: how they spread, and a table of them. The address says what is shown. */
export function OverviewView({ store, route: { query } }: Properties): ComponentChild {
  const table = tableOf(store);
  const [sort, filters] = [readSort(query), readFilters(query)];
  const [attempt, setAttempt] = useState(0);
  const { failures, retry } = useTableParts(table);
  const { shown, failure, busy } = useShown(table, sort, filters, attempt);
  const columns = useMemo(() => tableColumnsFor(table.hasLabels), [table]);
  const { features: counts } = store.description;

  useEffect(() => {
    document.title = 'All features · riffle';
  }, []);
  const show = (nextSort: Sort, nextFilters: Filters): void =>
    goTo(overviewLink(writeFilters(nextFilters, writeSort(nextSort))), { replace: true });
  const setFilters = (next: Filters): void => show(sort, next);
  const setRanges = (ranges: Readonly<Record<string, Range | undefined>>): void => {
    const all = Object.entries({ ...filters.ranges, ...ranges }).filter(
      ([, range]) => range && Object.keys(range).length > 0,
    );
    setFilters({ ...filters, ranges: Object.fromEntries(all) });
  };
  useShortcuts('Overview', [{ keys: ['x'], does: 'clear the filters', action: () => setFilters(noFilters) }]);
  const tryAgain = (): void => {
    retry();
    setAttempt(attempt + 1);
  };

  return (
    <div class="overview">
      <header class="summary">
        <h1>
          {grouped(counts.count)} {counts.count === 1 ? 'feature' : 'features'}
        </h1>
        <p>
          {grouped(counts.alive)} alive, {grouped(counts.dense)} dense, {grouped(counts.dead)} dead, over{' '}
          {grouped(store.description.tokens)} tokens
          {counts.count < counts.of && `; the SAE has ${grouped(counts.of)} features, the run a part of them`}
        </p>
        <nav class="reports" aria-label="Reports">
          {reports.map(({ title, meaning, filters: wanted }) => {
            const link = overviewLink(writeFilters(wanted));
            const isShown = writeFilters(wanted).toString() === writeFilters(filters).toString();
            return (
              <a
                key={title}
                class="button"
                href={link}
                title={`Features that ${meaning}`}
                aria-current={isShown ? 'true' : undefined}
              >
                {title}
              </a>
            );
          })}
        </nav>
      </header>
      {[...failures].map((error) => (
        <Message key={String(error)} error={error} onRetry={tryAgain} />
      ))}
      {failure !== undefined && failures.length === 0 && <Message error={failure} onRetry={tryAgain} />}
      <Plots table={table} filters={filters} shown={shown} onSelect={setRanges} />
      <FilterBar filters={filters} onChange={setFilters} counts={counts} hasLabels={table.hasLabels} />
      <div class="shown-line">
        <p role="status">
          {shown
            ? countText(shown.features.length, counts.count, filters)
            : failure === undefined
              ? 'Reading the feature table…'
              : 'The table cannot be shown'}
        </p>
        <span class="ways">
          {countFilters(filters) > 0 && (
            <button type="button" onClick={() => setFilters(noFilters)}>
              Clear filters
            </button>
          )}
          {shown && shown.features.length > 0 && (
            <>
              <a class="button" href={listLink([...shown.features.subarray(0, listed)].join(','))}>
                {shown.features.length > listed ? `First ${listed} as a list` : 'As a list'}
              </a>
              <DownloadButton table={table} features={shown.features} hasAll={failures.length === 0} />
            </>
          )}
        </span>
      </div>
      {shown && (
        <FeatureRows
          table={table}
          columns={columns}
          features={shown.features}
          busy={busy}
          sort={sort}
          onSort={(next) => show(next, filters)}
          address={query.toString()}
        />
      )}
    </div>
  );
}

function countText(count: number, all: number, filters: Filters): string {
  if (countFilters(filters) === 0) return `All ${grouped(all)} features`;
  return count === 0 ? 'No feature passes these filters' : `${grouped(count)} of ${grouped(all)} features`;
}

interface DownloadProperties {
  readonly table: FeatureTable;
  readonly features: Uint32Array;
  /** Whether all of the table could be read. */
  readonly hasAll: boolean;
}

/** Saves the shown rows as CSV. */
function DownloadButton({ table, features, hasAll }: DownloadProperties): ComponentChild {
  const [progress, setProgress] = useState<number>();
  const download = async (): Promise<void> => {
    setProgress(0);
    try {
      saveFile(await csvFile(table, features, setProgress), 'features.csv');
    } finally {
      setProgress(undefined);
    }
  };
  return (
    <button
      type="button"
      disabled={!hasAll || progress !== undefined}
      title="The rows that are shown, in their order"
      onClick={() => void download()}
    >
      {progress === undefined ? 'Download CSV' : `Preparing ${Math.round(100 * progress)} %`}
    </button>
  );
}
