import type { ComponentChild } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { featureLink } from '../routes.js';
import { useShortcuts } from '../shortcuts.js';
import { FeatureCells, type TableColumn } from './featureCells.js';
import type { FeatureTable } from './featureTable.js';
import { firstDirection, type Sort } from './sort.js';
import { useSize } from './useSize.js';
import { VirtualScroll } from './virtualScroll.js';

interface Properties {
  readonly table: FeatureTable;
  readonly columns: readonly TableColumn[];
  /** Features in the order of their rows. */
  readonly features: Uint32Array;
  /** Whether others are about to come in their place. */
  readonly busy: boolean;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  /** The address, under which the place in the table is remembered. */
  readonly address: string;
}

/** Milliseconds without scrolling after which the scroll bar is brought to where the rows are. */
const restMilliseconds = 150;

/** Pixels of the frame above and below, and room for a scroll bar. */
const borders = 18;

/** Where people were in the table when they left it: whoever comes back goes on there. */
let left: { readonly address: string; readonly top: number; readonly active: number } | undefined;

/** The table: as many rows as are seen are in the page, whatever their number. */
export function FeatureRows({ table, columns, features, busy, sort, onSort, address }: Properties): ComponentChild {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const rowHeight = useRowHeight();
  const viewHeight = Math.max(0, size.height - rowHeight);
  const [start] = useState(() => (left?.address === address ? left : { top: 0, active: 0 }));
  const [top, setTop] = useState(start.top);
  /** The row that arrow keys move from. */
  const [active, setActive] = useState(start.active);
  const latest = useRef({ address, top, active });
  latest.current = { address, top, active };
  const placed = useRef<Uint32Array>(undefined);
  // Another order or other rows begin at the top; another size of the window changes nothing.
  const isOther = placed.current !== undefined && placed.current !== features;
  const scroll = useMemo(() => {
    const made = new VirtualScroll(features.length, rowHeight, viewHeight);
    if (!isOther) made.show(latest.current.top);
    return made;
  }, [features, rowHeight, viewHeight]);
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined);
  const focusRow = useRef(false);
  const focusWasInside = useRef(false);

  const moveTo = (position: number): void => {
    if (scroller.current) scroller.current.scrollTop = position;
    setTop(scroll.top);
  };
  useLayoutEffect(() => {
    placed.current = features;
    moveTo(scroll.settle());
    if (isOther) setActive(0);
  }, [scroll]);
  useEffect(() => () => void (left = latest.current), []);
  useEffect(() => () => clearTimeout(rest.current), []);

  const range = scroll.range;
  const tabbable = active >= range.first && active < range.end ? active : range.first;
  useLayoutEffect(() => {
    if (focusRow.current) {
      focusRow.current = false;
      scroller.current?.querySelector<HTMLElement>(`[data-row="${active}"]`)?.focus({ preventScroll: true });
    } else if (focusWasInside.current && document.activeElement === document.body) {
      // The row that had the focus was scrolled away: keys go on from it.
      scroller.current?.focus({ preventScroll: true });
    }
    focusWasInside.current = scroller.current?.contains(document.activeElement) ?? false;
  });

  const goToRow = (row: number): void => {
    if (features.length === 0) return;
    const next = Math.min(features.length - 1, Math.max(0, row));
    focusRow.current = true;
    // Keys may come faster than the page is drawn.
    latest.current = { ...latest.current, active: next };
    setActive(next);
    moveTo(scroll.reveal(next));
  };
  const isInTable = (): boolean => scroller.current?.querySelector('tbody')?.contains(document.activeElement) ?? false;
  const move = (rows: number): void => goToRow(latest.current.active + rows);
  const step = (rows: number): void => (isInTable() ? move(rows) : goToRow(tabbable));
  useShortcuts('Table', [
    { keys: ['j'], does: 'next row', action: () => step(1) },
    { keys: ['k'], does: 'previous row', action: () => step(-1) },
  ]);
  const page = Math.max(1, Math.floor(viewHeight / rowHeight) - 1);
  const moves: Record<string, () => void> = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(page),
    PageUp: () => move(-page),
    Home: () => goToRow(0),
    End: () => goToRow(features.length - 1),
  };

  return (
    <div
      class="rows"
      ref={scroller}
      style={{ maxHeight: `${(features.length + 1) * rowHeight + borders}px` }}
      tabIndex={-1}
      onScroll={({ currentTarget }) => {
        scroll.follow(currentTarget.scrollTop);
        setTop(scroll.top);
        clearTimeout(rest.current);
        rest.current = setTimeout(() => moveTo(scroll.settle()), restMilliseconds);
      }}
      onKeyDown={(event) => {
        const go = moves[event.key];
        if (!go || event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest('thead')) return;
        event.preventDefault();
        go();
      }}
    >
      <div class="rows-height" style={{ height: `${scroll.height + rowHeight}px` }}>
        <div class="rows-window" style={{ height: `${Math.min(size.height, scroll.height + rowHeight)}px` }}>
          <table aria-rowcount={features.length + 1} aria-label="Features" aria-busy={busy}>
            <colgroup>
              {columns.map(({ key }) => (
                <col key={key} class={`column-${key}`} />
              ))}
            </colgroup>
            <thead>
              <tr aria-rowindex={1}>
                {columns.map((column) => (
                  <HeaderCell key={column.key} column={column} sort={sort} onSort={onSort} />
                ))}
              </tr>
            </thead>
            <tbody style={{ transform: `translateY(${range.first * rowHeight - scroll.top}px)` }}>
              {Array.from(features.subarray(range.first, range.end), (feature, n) => (
                <tr key={feature} aria-rowindex={range.first + n + 2}>
                  <th scope="row">
                    <a
                      href={featureLink(feature)}
                      data-row={range.first + n}
                      tabIndex={range.first + n === tabbable ? 0 : -1}
                      onFocus={() => setActive(range.first + n)}
                    >
                      {feature}
                    </a>
                  </th>
                  <FeatureCells row={table.row(feature)} columns={columns} />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </div>
  );
}

interface HeaderProperties {
  readonly column: TableColumn;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

function HeaderCell({ column: { key, title, meaning, isNumber }, sort, onSort }: HeaderProperties): ComponentChild {
  const sorted = sort.key === key;
  const other = sort.direction === 'ascending' ? 'descending' : 'ascending';
  return (
    <th scope="col" class={isNumber ? 'number' : undefined} aria-sort={sorted ? sort.direction : undefined}>
      <button
        type="button"
        class="quiet"
        title={meaning}
        onClick={() => onSort({ key, direction: sorted ? other : firstDirection(key) })}
      >
        {title}
        {sorted && (
          <span class="arrow" aria-hidden="true">
            {sort.direction === 'ascending' ? '↑' : '↓'}
          </span>
        )}
      </button>
    </th>
  );
}

/** Two lines of the page's type size in pixels: rows grow with it. */
function useRowHeight(): number {
  const [height] = useState(() => 2 * Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
  return height;
}
