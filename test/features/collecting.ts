/** Rows with firing features, and a collector that sees them in any cut. */
import { Collector } from '../../src/features/collector.js';
import type { FeatureBlock } from '../../src/features/collector.js';
import type { FeatureState } from '../../src/features/featureState.js';
import { encodeBlock } from '../../src/features/collectedFormat.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { Bank, largestBank } from '../../src/memory/bank.js';
import type { OracleToken } from './oracle.js';

export interface Row {
  readonly key: number;
  readonly id: number;
  readonly excluded: boolean;
  /** Activation of each feature that fires, by its index in the block. */
  readonly activations: ReadonlyMap<number, number>;
}

/** Collects rows, of which the first is number `firstRow`, in tiles [from, to) in the given order. */
export function collectRows(
  rows: readonly Row[],
  firstRow: number,
  block: FeatureBlock,
  settings: ExampleSettings,
  seed: bigint,
  tiles: readonly (readonly [number, number])[] = [[0, rows.length]],
  tileFirings = 64,
): FeatureState[] {
  const bank = new Bank(largestBank);
  const collector = new Collector(bank, block, firstRow, settings, seed, tileFirings);
  for (const [from, to] of tiles) {
    const some = rows.slice(from, to);
    const firings = some.flatMap(({ activations }, row) => [...activations].map((one) => [row, ...one] as const));
    const put = (values: Uint32Array | Float32Array | Uint8Array): number => {
      // A byte more, so that no address stands for two arrays.
      const address = bank.take(values.byteLength + 1)!;
      bank.view(address, values.byteLength).set(new Uint8Array(values.buffer));
      return address;
    };
    const anyExcluded = some.some(({ excluded }) => excluded);
    collector.collect(
      {
        firstRow: firstRow + from,
        keys: settings.distinct === 'none' ? 0 : put(Uint32Array.from(some, ({ key }) => key)),
        ids: put(Uint32Array.from(some, ({ id }) => id)),
        excluded: anyExcluded ? put(Uint8Array.from(some, ({ excluded }) => Number(excluded))) : 0,
      },
      {
        count: firings.length,
        rows: put(Uint32Array.from(firings, ([row]) => row)),
        features: put(Uint32Array.from(firings, ([, feature]) => feature)),
        activations: put(Float32Array.from(firings, ([, , activation]) => activation)),
      },
    );
  }
  return [...collector.states()];
}

/** The tokens of one feature, for the oracle. */
export function tokensOf(rows: readonly Row[], firstRow: number, feature: number): OracleToken[] {
  return rows.flatMap(({ key, id, excluded, activations }, row) => {
    const activation = activations.get(feature);
    return activation === undefined ? [] : [{ row: firstRow + row, key, id, excluded, activation }];
  });
}

export async function bytesOf(
  block: FeatureBlock,
  states: Iterable<FeatureState> | AsyncIterable<FeatureState>,
  settings: ExampleSettings,
  seed: bigint,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeBlock(block, states, settings, seed)) pieces.push(piece);
  return Buffer.concat(pieces);
}
