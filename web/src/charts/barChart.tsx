import type { ComponentChild, TargetedKeyboardEvent } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Histogram } from '../../../src/pages/page.js';
import { grouped, short } from '../text/numbers.js';
import { linear, linearTicks, logarithmic, logTicks } from './axis.js';

/** Height of the bars in pixels; the width is that of the place. */
const height = 88;

interface Properties {
  readonly title: string;
  /** What stands behind the title. */
  readonly note: string;
  readonly histogram: Histogram;
  readonly axis: 'linear' | 'logarithmic';
  /** What is counted: `tokens`. */
  readonly counted: string;
}

/**
 * A histogram. Counts are drawn by their logarithm, so that a bin of one is seen beside a bin of a million. Arrow keys
 * and the pointer read the bins.
 */
export function BarChart({ title, note, histogram, axis, counted }: Properties): ComponentChild {
  const { edges, counts } = histogram;
  const [bin, setBin] = useState<number>();
  const heading = useId();
  const [from, to] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const x = axis === 'linear' ? linear(from, to) : logarithmic(from, to);
  const most = Math.max(1, ...counts);
  const y = (count: number): number => Math.log1p(count) / Math.log1p(most);
  const read = (n: number): string =>
    `${short(edges[n]!)} to ${short(edges[n + 1]!)}: ${grouped(counts[n]!)} ${counted}`;
  const largest = counts.indexOf(most);
  const onKeyDown = (event: TargetedKeyboardEvent<SVGSVGElement>): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setBin(Math.min(counts.length - 1, Math.max(0, bin === undefined ? 0 : bin + step)));
  };
  return (
    <section class="card chart">
      <h2 id={heading}>
        {title} <span class="muted note">{note}</span>
      </h2>
      <svg
        role="img"
        aria-labelledby={heading}
        aria-description={`From ${short(from)} to ${short(to)}; most in ${read(largest)}. Arrow keys read the bins.`}
        tabIndex={0}
        width="100%"
        height={height}
        onKeyDown={onKeyDown}
        onBlur={() => setBin(undefined)}
        onMouseLeave={() => setBin(undefined)}
      >
        {counts.map((count, n) => (
          <g key={n} onMouseEnter={() => setBin(n)} class={n === bin ? 'now' : undefined}>
            <rect
              class="reach"
              x={`${100 * x(edges[n]!)}%`}
              width={width(x(edges[n]!), x(edges[n + 1]!))}
              height={height}
            />
            {count > 0 && (
              <rect
                class="bar"
                data-count={count}
                x={`${100 * x(edges[n]!)}%`}
                width={width(x(edges[n]!), x(edges[n + 1]!))}
                y={height * (1 - y(count))}
                height={height * y(count)}
              />
            )}
          </g>
        ))}
      </svg>
      <div class="ticks" aria-hidden="true">
        {(axis === 'linear' ? linearTicks : logTicks)(from, to, 5).map((tick) => (
          <span key={tick} style={{ left: `${100 * x(tick)}%` }}>
            {short(tick)}
          </span>
        ))}
      </div>
      <p class="readout" role="status">
        {bin === undefined ? <span class="muted">most: {read(largest)}</span> : read(bin)}
      </p>
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">from</th>
              <th scope="col">to</th>
              <th scope="col">{counted}</th>
            </tr>
          </thead>
          <tbody>
            {counts.map((count, n) => (
              <tr key={n}>
                <td>{edges[n]}</td>
                <td>{edges[n + 1]}</td>
                <td>{count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

function width(from: number, to: number): string {
  return `${100 * (to - from)}%`;
}
