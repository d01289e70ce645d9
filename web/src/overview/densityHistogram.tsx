import type { ComponentChild } from 'preact';
import { useMemo } from 'preact/hooks';
import { grouped, percent } from '../text/numbers.js';
import { countBins } from './distribution.js';
import type { Range } from './filters.js';
import { type LogAxis, placeOf, placesOf, rangeBetween, ticksOf } from './logAxis.js';
import { useBrush } from './useBrush.js';

interface Properties {
  /** log10 of each feature's density. */
  readonly logs: Float32Array;
  readonly axis: LogAxis;
  /** Features of the run, and those that are shown: 1 for each, by number. */
  readonly present: Uint8Array;
  readonly matches: Uint8Array;
  readonly range: Range | undefined;
  readonly onSelect: (range: Range | undefined) => void;
}

const binsPerDecade = 10;

/** How many features have which density: all of them, and those that are shown. A drag selects. */
export function DensityHistogram({ logs, axis, present, matches, range, onSelect }: Properties): ComponentChild {
  const bins = Math.max(8, Math.round((axis.to - axis.from) * binsPerDecade));
  const all = useMemo(() => countBins(logs, present, axis, bins), [logs, present, axis, bins]);
  const shown = useMemo(() => countBins(logs, matches, axis, bins), [logs, matches, axis, bins]);
  const highest = Math.max(1, ...all);
  const { box, handlers } = useBrush(
    ({ x: [from, to] }) => onSelect(rangeBetween(axis, from, to)),
    (x) => {
      const bin = Math.min(bins - 1, Math.floor(x * bins));
      onSelect(range ? undefined : rangeBetween(axis, bin / bins, (bin + 1) / bins));
    },
  );
  const selected = box ? { from: box.x[0], to: box.x[1] } : range && placesOf(axis, range);
  return (
    <div class="plot histogram">
      <div class="plot-area" {...handlers}>
        <svg
          viewBox={`0 0 ${bins} 100`}
          preserveAspectRatio="none"
          role="img"
          aria-label={describe(all, axis, highest)}
        >
          {[...all.keys()].map((bin) => (
            <g key={bin}>
              <rect class="all" x={bin + 0.06} width={0.88} {...barOf(all[bin]!, highest)} />
              <rect class="shown" x={bin + 0.06} width={0.88} {...barOf(shown[bin]!, highest)} />
            </g>
          ))}
        </svg>
        {selected && (
          <div
            class="brush"
            style={{ insetInlineStart: `${100 * selected.from}%`, width: `${100 * (selected.to - selected.from)}%` }}
          />
        )}
        <span class="plot-note" aria-hidden="true">
          {grouped(highest)} features
        </span>
      </div>
      <LogTicks axis={axis} format={percent} />
    </div>
  );
}

/** Marks below a plot. */
export function LogTicks({
  axis,
  format,
}: {
  readonly axis: LogAxis;
  readonly format: (value: number) => string;
}): ComponentChild {
  return (
    <div class="ticks" aria-hidden="true">
      {ticksOf(axis).map((value) => (
        <span key={value} style={{ insetInlineStart: `${100 * placeOf(axis, Math.log10(value))}%` }}>
          {format(value)}
        </span>
      ))}
    </div>
  );
}

/** A bar that counts anything is seen. */
function barOf(count: number, highest: number): { y: number; height: number } {
  const height = count === 0 ? 0 : Math.max(1.5, (100 * count) / highest);
  return { y: 100 - height, height };
}

function describe(counts: Uint32Array, axis: LogAxis, highest: number): string {
  const bin = counts.indexOf(highest);
  const { from = 10 ** axis.from, to = 10 ** axis.to } = rangeBetween(
    axis,
    bin / counts.length,
    (bin + 1) / counts.length,
  );
  return bin < 0
    ? 'Histogram of density: no feature fires'
    : `Histogram of density, logarithmic: most features, ${grouped(highest)}, between ${percent(from)} and ${percent(to)}`;
}
