import type { ComponentChild } from 'preact';
import { useMemo } from 'preact/hooks';
import { grouped } from '../text/numbers.js';
import { DensityHistogram } from './densityHistogram.js';
import { extentOf, logsOf, type Plane } from './distribution.js';
import type { FeatureTable, Shown } from './featureTable.js';
import { type Filters, noFilters, type Range } from './filters.js';
import { axisOver, type LogAxis } from './logAxis.js';
import { matchFeatures } from './matches.js';
import { ScatterPlot } from './scatterPlot.js';

interface Properties {
  readonly table: FeatureTable;
  readonly filters: Filters;
  readonly shown: Shown | undefined;
  readonly onSelect: (ranges: Readonly<Record<string, Range | undefined>>) => void;
}

/** How features spread over density and largest activation. */
export function Plots({ table, filters, shown, onSelect }: Properties): ComponentChild {
  const { state, firing, max } = table.columns;
  const { tokens, features } = table.store.description;
  const present = useMemo(() => state && matchFeatures(noFilters, { columns: { state }, tokens }), [state]);
  const x = useMemo(() => firing && logsOf(firing, tokens), [firing]);
  const y = useMemo(() => max && logsOf(max), [max]);
  const axisX = useMemo(() => present && x && axisOf(x, present), [present, x]);
  const axisY = useMemo(() => present && y && axisOf(y, present), [present, y]);
  const plane = useMemo(
    (): Plane | undefined => (x && y && axisX && axisY ? { x, y, axisX, axisY } : undefined),
    [x, y, axisX, axisY],
  );
  if (features.alive + features.dense === 0) return <p class="muted">No feature of this run fires.</p>;
  const { density, max: maxRange } = filters.ranges;
  return (
    <div class="plots">
      <figure>
        <figcaption>
          <h2>Density</h2>{' '}
          <span class="muted">
            share of tokens on which a feature fires; drag to select
            {features.dead > 0 && `; ${grouped(features.dead)} dead not drawn`}
          </span>
        </figcaption>
        {present && x && axisX && shown && (
          <DensityHistogram
            logs={x}
            axis={axisX}
            present={present}
            matches={shown.matches}
            range={density}
            onSelect={(range) => onSelect({ density: range })}
          />
        )}
      </figure>
      <figure>
        <figcaption>
          <h2>Density × max</h2> <span class="muted">one point a feature; drag to select, click to open</span>
        </figcaption>
        {present && plane && shown && (
          <ScatterPlot
            plane={plane}
            present={present}
            matches={shown.matches}
            count={shown.features.length}
            density={density}
            max={maxRange}
            onSelect={onSelect}
          />
        )}
      </figure>
    </div>
  );
}

function axisOf(logs: Float32Array, present: Uint8Array): LogAxis | undefined {
  const extent = extentOf(logs, present);
  return extent && axisOver(extent.least, extent.most);
}
