/** The octaves of a feature, and the lists of their bins. */
import {
  Collector,
  Feature,
  Octave,
  allSeparate,
  belowList,
  binsPerOctave,
  chainedBytes,
  limitsAt,
  listBytes,
  octaveBytes,
  slots,
} from './collectorLayout';
import { Token, belongs, clearList, insertDistinct, tokenBytes } from './tokenList';

/** A feature's octave of these exponent bits. @param firstSlot address of the record's slots */
export function octaveOf(collector: Collector, record: u32, firstSlot: u32, exponent: u32): Octave {
  const slot = exponent & (slots - 1);
  let octave = changetype<Octave>(firstSlot + slot * octaveBytes);
  while (octave.exponent != exponent || octave.significands == 0) {
    let ownLists = firstSlot + slots * octaveBytes + slot * listBytes(collector);
    if (octave.significands != 0) {
      if (octave.next != 0) {
        octave = changetype<Octave>(octave.next);
        continue;
      }
      octave.next = takeRoom(collector, chainedBytes(collector));
      octave = changetype<Octave>(octave.next);
      ownLists = changetype<u32>(octave) + octaveBytes;
    }
    startOctave(collector, record, firstSlot, octave, exponent, ownLists);
    break;
  }
  return octave;
}

/** @param ownLists where the octave's bin lists lie if all octaves have some */
function startOctave(
  collector: Collector,
  record: u32,
  firstSlot: u32,
  octave: Octave,
  exponent: u32,
  ownLists: u32,
): void {
  const address = changetype<u32>(octave);
  memory.fill(address, 0, limitsAt);
  memory.fill(address + limitsAt, 0xff, octaveBytes - limitsAt);
  octave.exponent = exponent;
  if (!allSeparate(collector)) {
    const separate = collector.separateOctaves;
    const feature = changetype<Feature>(record);
    if (exponent > feature.highest) {
      feature.highest = exponent;
      giveUpLists(collector, record, firstSlot);
    }
    if (feature.highest - exponent >= separate) return;
    ownLists = firstSlot + slots * octaveBytes + (exponent % separate) * listBytes(collector);
  }
  octave.lists = ownLists;
  clearList(ownLists, binsPerOctave * collector.perInterval);
}

/** Merges bin lists that lie too far below the highest octave into the list for all of those. */
function giveUpLists(collector: Collector, record: u32, firstSlot: u32): void {
  const highest = changetype<Feature>(record).highest;
  for (let slot: u32 = 0; slot < slots; slot++) {
    for (let address = firstSlot + slot * octaveBytes; address != 0; address = changetype<Octave>(address).next) {
      const octave = changetype<Octave>(address);
      if (octave.lists == 0 || highest - octave.exponent < collector.separateOctaves) continue;
      mergeIntoBelow(collector, record, octave.lists);
      // The bins' limits hold for the other list, too: it has hashes of all of them, hence none that are greater.
      octave.lists = 0;
    }
  }
}

function mergeIntoBelow(collector: Collector, record: u32, lists: u32): void {
  const below = belowList(record);
  const capacity = collector.perInterval;
  const last = below + (capacity - 1) * tokenBytes;
  for (let place = lists, end = lists + listBytes(collector); place < end; place += tokenBytes) {
    const token = changetype<Token>(place);
    if (token.activation == 0 || !belongs(token.rank, token.row, last)) continue;
    insertDistinct(below, capacity, token.rank, token.row, token.key, token.id, token.activation);
  }
}

function takeRoom(collector: Collector, bytes: u32): u32 {
  const address = collector.room;
  collector.room += bytes;
  return address;
}
