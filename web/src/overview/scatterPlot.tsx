import type { ComponentChild } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { goTo } from '../navigation.js';
import { featureLink } from '../routes.js';
import { grouped, percent, short } from '../text/numbers.js';
import { LogTicks } from './densityHistogram.js';
import { nearestFeature, type Plane } from './distribution.js';
import { drawScatter } from './drawScatter.js';
import type { Range } from './filters.js';
import { placeOf, placesOf, rangeBetween, ticksOf } from './logAxis.js';
import { placeIn, useBrush } from './useBrush.js';
import { useSize } from './useSize.js';

interface Properties {
  readonly plane: Plane;
  readonly present: Uint8Array;
  readonly matches: Uint8Array;
  readonly count: number;
  readonly density: Range | undefined;
  readonly max: Range | undefined;
  readonly onSelect: (ranges: { density: Range | undefined; max: Range | undefined }) => void;
}

/** So near to a feature the pointer must be, in pixels. */
const reach = 8;

/** Density against the largest activation, one point a feature. A drag selects; a click opens the feature below. */
export function ScatterPlot({ plane, present, matches, count, density, max, onSelect }: Properties): ComponentChild {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(place);
  const [hovered, setHovered] = useState<number>();
  const colors = useColorChanges();
  const { axisX, axisY } = plane;

  useEffect(() => {
    if (canvas.current && size.width > 0) drawScatter(canvas.current, plane, present, matches, size);
  }, [plane, present, matches, size, colors]);

  const featureAt = (x: number, y: number): number | undefined =>
    nearestFeature(plane, matches, { x: x * size.width, y: (1 - y) * size.height }, size, reach);
  const { box, handlers } = useBrush(
    ({ x, y }) => onSelect({ density: rangeBetween(axisX, ...x), max: rangeBetween(axisY, ...y) }),
    (x, y) => {
      const feature = featureAt(x, y);
      if (feature !== undefined) goTo(featureLink(feature));
    },
  );
  const x = box ? { from: box.x[0], to: box.x[1] } : placesOf(axisX, density ?? {});
  const y = box ? { from: box.y[0], to: box.y[1] } : placesOf(axisY, max ?? {});
  return (
    <div class="plot scatter">
      <div class="ticks upright" aria-hidden="true">
        {ticksOf(axisY).map((value) => (
          <span key={value} style={{ bottom: `${100 * placeOf(axisY, Math.log10(value))}%` }}>
            {short(value)}
          </span>
        ))}
      </div>
      <div
        class={`plot-area${hovered === undefined ? '' : ' pointing'}`}
        ref={place}
        {...handlers}
        onPointerMove={(event) => {
          handlers.onPointerMove(event);
          const at = placeIn(event);
          setHovered(event.buttons === 0 ? featureAt(at.x, at.y) : undefined);
        }}
        onPointerLeave={() => setHovered(undefined)}
      >
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Scatter plot of density and largest activation of ${grouped(count)} features. The fields for density and max select as a drag does.`}
        />
        {(box ?? density ?? max) && (
          <div
            class="brush"
            style={{
              insetInlineStart: `${100 * x.from}%`,
              width: `${100 * (x.to - x.from)}%`,
              bottom: `${100 * y.from}%`,
              height: `${100 * (y.to - y.from)}%`,
            }}
          />
        )}
        {hovered !== undefined && (
          <div class="point" style={{ insetInlineStart: pointX(plane, hovered), bottom: pointY(plane, hovered) }}>
            <span>
              {hovered} · {percent(Number((10 ** plane.x[hovered]!).toPrecision(3)))} · max{' '}
              {short(10 ** plane.y[hovered]!)}
            </span>
          </div>
        )}
      </div>
      <LogTicks axis={axisX} format={percent} />
    </div>
  );
}

function pointX({ x, axisX }: Plane, feature: number): string {
  return `${100 * placeOf(axisX, x[feature]!)}%`;
}

function pointY({ y, axisY }: Plane, feature: number): string {
  return `${100 * placeOf(axisY, y[feature]!)}%`;
}

/** Counts changes of the colours, which a canvas does not follow by itself. */
function useColorChanges(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const follow = (): void => setChanges((count) => count + 1);
    const observer = new MutationObserver(follow);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((query) => matchMedia(query));
    for (const query of queries) query.addEventListener('change', follow);
    return () => {
      observer.disconnect();
      for (const query of queries) query.removeEventListener('change', follow);
    };
  }, []);
  return changes;
}
