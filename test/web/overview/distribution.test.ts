/** Plots of the overview: what stands in a bin, and what a brush selects. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  countBins,
  countCells,
  extentOf,
  logsOf,
  nearestFeature,
  type Plane,
} from '../../../web/src/overview/distribution.js';
import { axisOver, placeOf, placesOf, rangeBetween, ticksOf } from '../../../web/src/overview/logAxis.js';
import { matchFeatures } from '../../../web/src/overview/matches.js';

const tokens = 100_000;
const features = fc.array(
  fc.record({
    firing: fc.nat(tokens),
    max: fc.float({ min: Math.fround(0.01), max: 99, noNaN: true }),
    shown: fc.boolean(),
  }),
);

describe('plots of the overview', () => {
  it('have axes that end at 1, 2 or 5', () => {
    const ends = (least: number, most: number): number[] => {
      const { from, to } = axisOver(Math.log10(least), Math.log10(most));
      return [10 ** from, 10 ** to].map((end) => Number(end.toPrecision(6)));
    };
    assert.deepEqual(ends(0.00013, 0.9), [0.0001, 1]);
    assert.deepEqual(ends(2.1, 37), [2, 50]);
    assert.deepEqual(ends(1, 1), [1, 2]);
    assert.deepEqual(ends(0.5, 0.5), [0.5, 1]);
    assert.deepEqual(ends(3e-9, 3e-9), [2e-9, 5e-9]);
  });

  it('have few marks', () => {
    assert.deepEqual(ticksOf(axisOver(Math.log10(2.1), Math.log10(37))), [2, 5, 10, 20, 50]);
    assert.deepEqual(ticksOf({ from: -4, to: 0 }), [0.0001, 0.001, 0.01, 0.1, 1]);
    assert.deepEqual(ticksOf({ from: -9, to: 0 }), [1e-8, 1e-6, 1e-4, 0.01, 1]);
  });

  it('count every feature that fires once', () => {
    fc.assert(
      fc.property(features, fc.integer({ min: 1, max: 50 }), (all, bins) => {
        const firing = Uint32Array.from(all, (each) => each.firing);
        const matches = Uint8Array.from(all, (each) => Number(each.shown));
        const logs = logsOf(firing, tokens);
        const expected = new Array<number>(bins).fill(0);
        for (const each of all) {
          if (!each.shown || each.firing === 0) continue;
          const bin = Math.floor((Math.fround(Math.log10(each.firing / tokens)) + 5) * (bins / 5));
          expected[Math.min(bins - 1, Math.max(0, bin))]!++;
        }
        assert.deepEqual([...countBins(logs, matches, { from: -5, to: 0 }, bins)], expected);
      }),
      { seed: 1 },
    );
  });

  it('find the extent of what is shown', () => {
    const logs = logsOf(Float32Array.of(0, 10, 1000, 100_000));
    assert.deepEqual(extentOf(logs, Uint8Array.of(1, 1, 1, 0)), { least: 1, most: 3 });
    assert.equal(extentOf(logs, Uint8Array.of(1, 0, 0, 0)), undefined);
  });

  it('place each feature in one cell, high values at the top right', () => {
    const plane = planeOf(Uint32Array.of(1, 100_000, 0, 100), Float32Array.of(0.1, 99, 5, 1));
    assert.deepEqual([...countCells(plane, Uint8Array.of(1, 1, 1, 1), 2, 3)], [0, 1, 1, 0, 1, 0]);
    assert.deepEqual([...countCells(plane, Uint8Array.of(1, 0, 1, 0), 2, 3)], [0, 0, 0, 0, 1, 0]);
  });

  it('select by a rectangle what is seen inside of it, and nothing a thousandth beyond', () => {
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(features, place, place, place, place, (all, x0, x1, y0, y1) => {
        const firing = Uint32Array.from(all, (each) => each.firing);
        const max = Float32Array.from(all, (each) => each.max);
        const plane = planeOf(firing, max);
        const ranges = { density: rangeBetween(plane.axisX, x0, x1), max: rangeBetween(plane.axisY, y0, y1) };
        const state = new Uint8Array(all.length).fill(3);
        const matches = matchFeatures({ ranges, states: [] }, { columns: { state, firing, max }, tokens });
        all.forEach((each, n) => {
          if (each.firing === 0) return;
          // 1 % of a value is at most log10(1.01) decades: three digits were kept.
          const inside = (
            log: number,
            a: number,
            b: number,
            axis: { from: number; to: number },
            slack: number,
          ): boolean => {
            const at = placeOf(axis, log);
            return at >= Math.min(a, b) - slack && at <= Math.max(a, b) + slack;
          };
          const [x, y] = [Math.log10(each.firing / tokens), Math.log10(each.max)];
          const [slackX, slackY] = [0.0045 / 5, 0.0045 / 4];
          if (inside(x, x0, x1, plane.axisX, -1e-12) && inside(y, y0, y1, plane.axisY, -1e-7))
            assert.equal(matches[n], 1);
          else if (!inside(x, x0, x1, plane.axisX, slackX) || !inside(y, y0, y1, plane.axisY, slackY)) {
            assert.equal(matches[n], 0);
          }
        });
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('show a range as places on the axis, and the places give the range', () => {
    const axis = { from: -5, to: 0 };
    assert.deepEqual(placesOf(axis, {}), { from: 0, to: 1 });
    assert.deepEqual(placesOf(axis, { from: 0, to: 7 }), { from: 0, to: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), fc.integer({ min: -7, max: -4 }), (digits, exponent) => {
        const bound = Number(`${digits}e${exponent}`);
        const { from } = placesOf(axis, { from: bound });
        const back = rangeBetween(axis, from, 1).from;
        assert.ok(back === undefined || Math.abs(back / bound - 1) < 0.011, `${bound} ${back}`);
      }),
      { seed: 3 },
    );
    assert.deepEqual(rangeBetween(axis, 1, 0.4), { from: 0.001 });
    assert.deepEqual(rangeBetween(axis, 0, 0.5), { to: 0.00317 });
  });

  it('find the feature under the pointer', () => {
    const plane = planeOf(Uint32Array.of(1, 1000, 1000), Float32Array.of(0.1, 9, 9.01));
    const size = { width: 500, height: 400 };
    const find = (x: number, y: number, matches = [1, 1, 1]): number | undefined =>
      nearestFeature(plane, Uint8Array.from(matches), { x, y }, size, 8);
    assert.equal(find(3, 299), 0);
    assert.equal(find(300, 104.8), 1);
    assert.equal(find(300, 104.8, [1, 0, 1]), 2);
    assert.equal(find(200, 200), undefined);
  });
});

function planeOf(firing: Uint32Array, max: Float32Array): Plane {
  return { x: logsOf(firing, tokens), y: logsOf(max), axisX: { from: -5, to: 0 }, axisY: { from: -2, to: 2 } };
}
