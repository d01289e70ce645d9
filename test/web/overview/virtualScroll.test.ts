/** Scrolling over more rows than an element can be high: every row can be reached, small steps are small. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mostPixels, VirtualScroll } from '../../../web/src/overview/virtualScroll.js';

describe('scrolling over many rows', () => {
  it('is plain scrolling where the rows fit', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.array(fc.nat(400_000)), (rows, positions) => {
        const scroll = new VirtualScroll(rows, 30, 600);
        const last = Math.max(0, rows * 30 - 600);
        for (const position of positions.map((each) => Math.min(each, last))) {
          scroll.follow(position);
          assert.equal(scroll.top, position);
        }
      }),
      { seed: 1 },
    );
  });

  for (const rows of [0, 1, 5, 1_000_000, 50_000_000]) {
    it(`reaches the first and the last of ${rows} rows`, () => {
      const scroll = new VirtualScroll(rows, 32, 640);
      assert.ok(scroll.height <= mostPixels);
      scroll.follow(Math.max(0, scroll.height - 640));
      assert.equal(scroll.range.end, rows);
      scroll.follow(0);
      assert.equal(scroll.range.first, 0);
    });
  }

  it('moves a million rows by single pixels, and by pages, without leaving any out', () => {
    const scroll = new VirtualScroll(1_000_000, 32, 640);
    scroll.follow(7_000_000);
    const { top } = scroll;
    scroll.follow(7_000_100);
    assert.equal(scroll.top, top + 100);
    scroll.follow(7_000_040);
    assert.equal(scroll.top, top + 40);
  });

  it('rests where it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -600, max: 600 }), fc.integer({ min: -1e7, max: 1e7 }))),
        (steps) => {
          const scroll = new VirtualScroll(1_000_000, 32, 640);
          let position = 0;
          for (const step of steps) {
            position = Math.min(scroll.height - 640, Math.max(0, position + step));
            scroll.follow(position);
            const { top } = scroll;
            position = scroll.settle();
            assert.equal(scroll.top, top);
            assert.ok(position >= 0 && position <= scroll.height - 640);
            if (position > 0 && position < scroll.height - 640) {
              scroll.follow(position);
              assert.equal(scroll.top, top);
            }
          }
        },
      ),
      { seed: 2 },
    );
  });

  it('reveals any row whole', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(999_999)), (rows) => {
        const scroll = new VirtualScroll(1_000_000, 32, 640);
        for (const row of rows) {
          scroll.reveal(row);
          assert.ok(scroll.top <= row * 32 && row * 32 + 32 <= scroll.top + 640);
        }
      }),
      { seed: 3 },
    );
    const scroll = new VirtualScroll(100, 32, 640);
    scroll.reveal(10);
    assert.equal(scroll.top, 0);
    scroll.reveal(20);
    assert.equal(scroll.top, 32);
  });
});
