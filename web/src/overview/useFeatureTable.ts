import { useEffect, useState } from 'preact/hooks';
import type { ColumnName } from '../../../src/pages/table.js';
import type { FeatureTable, Shown } from './featureTable.js';
import { type Filters, writeFilters } from './filters.js';
import { type Sort, writeSort } from './sort.js';

const shownColumns: readonly ColumnName[] = ['state', 'firing', 'max', 'mean', 'topToken', 'topShare'];

export interface TableParts {
  /** Errors of parts that cannot be read: the others are shown. */
  readonly failures: readonly unknown[];
  readonly retry: () => void;
}

/** Reads everything that the table shows, and draws anew whenever another part of it is at hand. */
export function useTableParts(table: FeatureTable): TableParts {
  const [, setParts] = useState(0);
  const [failures, setFailures] = useState<readonly unknown[]>([]);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let wanted = true;
    const follow = (part: Promise<unknown>): void =>
      void part.then(
        () => wanted && setParts((count) => count + 1),
        (error: unknown) => wanted && setFailures((others) => [...others, error]),
      );
    for (const name of shownColumns) follow(table.readColumn(name));
    follow(table.readTokenTexts());
    if (table.hasLabels) follow(table.readLabels());
    return () => {
      wanted = false;
    };
  }, [table, attempt]);
  const retry = (): void => {
    setFailures([]);
    setAttempt(attempt + 1);
  };
  return { failures, retry };
}

export interface ShownFeatures {
  readonly shown?: Shown | undefined;
  readonly failure?: unknown;
  /** Whether others are being looked for. */
  readonly busy: boolean;
}

/** The features that a sort and filters show. While they are found, those before stay. */
export function useShown(table: FeatureTable, sort: Sort, filters: Filters, attempt: number): ShownFeatures {
  const [found, setFound] = useState<{ query: string; shown?: Shown; failure?: unknown }>();
  const query = writeFilters(filters, writeSort(sort)).toString();
  useEffect(() => {
    let wanted = true;
    table.shown(sort, filters).then(
      (shown) => wanted && setFound({ query, shown }),
      (failure: unknown) => wanted && setFound({ query, failure }),
    );
    return () => {
      wanted = false;
    };
  }, [table, query, attempt]);
  return { shown: found?.shown, failure: found?.failure, busy: found?.query !== query };
}
