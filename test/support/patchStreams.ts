import { CellDraws, cellDoubles } from '../../src/shuffle/cellDraws.js';
import { Domain, RandomStream } from '../../src/shuffle/random.js';

export type Address = Parameters<RandomStream['seek']>;

type Method<Name extends 'seek' | 'seekNonce' | 'below'> = (
  this: RandomStream,
  ...args: Parameters<RandomStream[Name]>
) => ReturnType<RandomStream[Name]>;

export interface StreamMethods {
  readonly seek: Method<'seek'>;
  readonly seekNonce: Method<'seekNonce'>;
  readonly below: Method<'below'>;
  /** Of `CellDraws`. */
  readonly draw: (this: CellDraws, ...args: Parameters<CellDraws['draw']>) => void;
}

/**
 * Runs `work` while some methods of all RandomStreams and CellDraws are others.
 * @param patch gives them, from the original ones
 */
export function withPatchedStreams<T>(patch: (original: StreamMethods) => Partial<StreamMethods>, work: () => T): T {
  const streams = RandomStream.prototype as unknown as Record<Exclude<keyof StreamMethods, 'draw'>, unknown>;
  const cells = CellDraws.prototype as unknown as Record<'draw', unknown>;
  const { seek, seekNonce, below } = streams;
  const { draw } = cells;
  const original = { seek, seekNonce, below, draw } as StreamMethods;
  const { draw: otherDraw, ...others } = patch(original);
  Object.assign(streams, others);
  if (otherDraw) cells.draw = otherDraw;
  try {
    return work();
  } finally {
    Object.assign(streams, { seek, seekNonce, below });
    cells.draw = draw;
  }
}

/** Runs `work` while every stream is that of another address, those of the table's cells too. */
export function withMergedStreams<T>(merge: (...address: Address) => Address, work: () => T): T {
  return withPatchedStreams(
    ({ seek, draw }) => ({
      seek(...address) {
        return seek.apply(this, merge(...address));
      },
      draw(level, firstRow, node, count) {
        const { cells } = this;
        const wanted = cells.slice(0, count * cellDoubles);
        for (let i = 0; i < count; i++) {
          cells.set(wanted.subarray(i * cellDoubles, (i + 1) * cellDoubles));
          const [, otherLevel, otherRow, otherNode] = merge(Domain.table, level, firstRow + i, node);
          draw.call(this, otherLevel, otherRow, otherNode, 1);
          wanted[i * cellDoubles] = cells[0]!;
        }
        cells.set(wanted);
      },
    }),
    work,
  );
}
