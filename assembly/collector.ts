/**
 * The statistics of a block of features (src/features/collector.ts), one tile of rows at a time. A tile's list of firing
 * tokens is sorted by feature first, so that what is known of a feature stays in the processor's cache while its tokens
 * are taken in. Most tokens then cost a counter, one hash and three comparisons.
 *
 * Everything is a function of the set of tokens, whatever their order: counts, sums, and lists under total orders.
 */
import {
  Collector,
  Feature,
  Firing,
  belowList,
  binsPerOctave,
  chainedBytes,
  countsAt,
  limitsAt,
  mostOctaves,
} from './collectorLayout';
import { octaveOf } from './octaves';
import { rowHash } from './rowHash';
import { Token, belongs, clearList, insert, insertDistinct, tokenBytes } from './tokenList';

/** Writes a collector and the records of features that never fired. */
export function prepareCollector(
  address: u32,
  seed: u64,
  firstRow: u64,
  firstFeature: u32,
  features: u32,
  top: u32,
  sample: u32,
  perInterval: u32,
  separateOctaves: u32,
  records: u32,
  recordBytes: u32,
  ends: u32,
  sorted: u32,
): void {
  const collector = changetype<Collector>(address);
  collector.seed = seed;
  collector.firstRow = firstRow;
  collector.firstFeature = firstFeature;
  collector.features = features;
  collector.top = top;
  collector.sample = sample;
  collector.perInterval = perInterval;
  collector.separateOctaves = separateOctaves;
  collector.records = records;
  collector.recordBytes = recordBytes;
  collector.ends = ends;
  collector.sorted = sorted;
  collector.room = 0;
  collector.roomEnd = 0;
  for (let record = records, end = records + features * recordBytes; record < end; record += recordBytes) {
    memory.fill(record, 0, recordBytes);
    clearList(belowList(record), perInterval + top + sample);
  }
}

/** Gives the collector [start, end) for octaves and bin lists; what it had left is given up. */
export function addRoom(address: u32, start: u32, end: u32): void {
  const collector = changetype<Collector>(address);
  collector.room = start;
  collector.roomEnd = end;
}

/**
 * Sorts a tile's firing tokens by feature. Those of excluded rows are only counted.
 * @param rows address of each token's row in the tile (u32)
 * @param features address of each token's feature in the block (u32)
 * @param activations address of each token's activation (f32)
 * @param excluded address of a byte for each row of the tile, not 0 where the row is excluded; or 0
 */
export function sortFirings(address: u32, rows: u32, features: u32, activations: u32, count: u32, excluded: u32): void {
  const collector = changetype<Collector>(address);
  const ends = collector.ends;
  memory.fill(ends, 0, collector.features << 2);
  for (let i: u32 = 0; i < count; i++) {
    const feature = load<u32>(features + (i << 2));
    if (excluded != 0 && load<u8>(excluded + load<u32>(rows + (i << 2))) != 0) {
      changetype<Feature>(collector.records + feature * collector.recordBytes).excludedFiring++;
      continue;
    }
    const end = ends + (feature << 2);
    store<u32>(end, load<u32>(end) + 1);
  }
  let before: u32 = 0;
  for (let feature: u32 = 0; feature < collector.features; feature++) {
    const tokens = load<u32>(ends + (feature << 2));
    store<u32>(ends + (feature << 2), before);
    before += tokens;
  }
  // Now it says where a feature's tokens begin, and when all are placed, where they end.
  for (let i: u32 = 0; i < count; i++) {
    const row = load<u32>(rows + (i << 2));
    if (excluded != 0 && load<u8>(excluded + row) != 0) continue;
    const end = ends + (load<u32>(features + (i << 2)) << 2);
    const place = load<u32>(end);
    store<u32>(end, place + 1);
    const firing = changetype<Firing>(collector.sorted + place * offsetof<Firing>());
    firing.row = row;
    firing.activation = load<u32>(activations + (i << 2));
  }
}

/**
 * Takes the sorted tokens of the features from `from` on into their statistics.
 * @param tileRow first row of the tile, counted from the collector's first row
 * @param keys address of each row's key (u32); 0 where the row itself is the key
 * @param ids address of each row's token id (u32)
 * @returns the first feature that is not done because there may be too little room for it; the number of features when all
 * are done
 */
export function collectFirings(address: u32, from: u32, tileRow: u32, keys: u32, ids: u32): u32 {
  const collector = changetype<Collector>(address);
  let start = from == 0 ? 0 : load<u32>(collector.ends + ((from - 1) << 2));
  for (let feature = from; feature < collector.features; feature++) {
    const end = load<u32>(collector.ends + (feature << 2));
    if (start == end) continue;
    // As many octaves may be new as there are tokens.
    const needed = min(end - start, mostOctaves) * chainedBytes(collector);
    if (collector.roomEnd - collector.room < needed) return feature;
    collectFeature(collector, feature, start, end, tileRow, keys, ids);
    start = end;
  }
  return collector.features;
}

function collectFeature(
  collector: Collector,
  index: u32,
  start: u32,
  end: u32,
  tileRow: u32,
  keys: u32,
  ids: u32,
): void {
  const record = collector.records + index * collector.recordBytes;
  const perInterval = collector.perInterval;
  const top = belowList(record) + perInterval * tokenBytes;
  const sample = top + collector.top * tokenBytes;
  const sampleEnd = sample + collector.sample * tokenBytes;
  for (let i = start; i < end; i++) {
    const firing = changetype<Firing>(collector.sorted + i * offsetof<Firing>());
    const activation = firing.activation;
    const octave = octaveOf(collector, record, sampleEnd, activation >> 23);
    const bin = (activation >> 20) & (binsPerOctave - 1);
    const inBins = changetype<u32>(octave) + (bin << 2);
    store<u32>(inBins, load<u32>(inBins, countsAt) + 1, countsAt);
    // Denormal numbers lack the leading one.
    octave.significands += (activation & 0x7f_ffff) | (octave.exponent == 0 ? 0 : 0x80_0000);

    const row = tileRow + firing.row;
    const key = keys == 0 ? row : load<u32>(keys + (firing.row << 2));
    const id = load<u32>(ids + (firing.row << 2));
    const rank: u64 = ~activation;
    if (belongs(rank, row, sample - tokenBytes)) insertDistinct(top, collector.top, rank, row, key, id, activation);
    const hash = rowHash(collector.firstFeature + index, collector.firstRow + row, collector.seed);
    if (belongs(hash, row, sampleEnd - tokenBytes)) insert(sample, collector.sample, hash, row, key, id, activation);
    if (perInterval == 0 || <u32>(hash >> 32) > load<u32>(inBins, limitsAt)) continue;
    const list = octave.lists == 0 ? belowList(record) : octave.lists + bin * perInterval * tokenBytes;
    const last = list + (perInterval - 1) * tokenBytes;
    if (belongs(hash, row, last)) insertDistinct(list, perInterval, hash, row, key, id, activation);
    store<u32>(inBins, <u32>(changetype<Token>(last).rank >> 32), limitsAt);
  }
}
