import type { Bitmap } from './bitmap.js';

/** Rows that may be read besides those that are needed, as a share of these. */
export const besides = 0.04;

export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** The rows of a set as ranges that do not touch each other. */
export function runsOf(set: Bitmap): RowRange[] {
  const runs: { from: number; to: number }[] = [];
  for (const row of set.members()) {
    const last = runs.at(-1);
    if (last?.to === row) last.to = row + 1;
    else runs.push({ from: row, to: row + 1 });
  }
  return runs;
}

/** Ranges that hold all rows of a set, and few others: the smallest gaps are read over, so that there are fewer reads. */
export function coalesce(set: Bitmap): RowRange[] {
  const runs = runsOf(set);
  const gaps = runs.slice(1).map(({ from }, index) => from - runs[index]!.to);
  let left = Math.floor(set.count() * besides);
  let most = 0;
  for (const gap of [...gaps].sort((a, b) => a - b)) {
    if (gap > left) break;
    left -= gap;
    most = gap;
  }
  // Gaps as large as the largest that fits are closed as long as there is room for them.
  let room = Math.floor(set.count() * besides);
  return runs.reduce<{ from: number; to: number }[]>((joined, run, index) => {
    const gap = gaps[index - 1] ?? Infinity;
    const last = joined.at(-1);
    if (last && gap <= most && gap <= room) {
      room -= gap;
      last.to = run.to;
    } else {
      joined.push({ ...run });
    }
    return joined;
  }, []);
}
