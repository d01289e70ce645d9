import { createXXHash128 } from 'hash-wasm';
import { WorkMemory } from '../src/memory/workMemory.js';
import { murmurHash3 } from './peers/murmurHash3.js';
import { report } from './report.js';

const widths = [4, 16, 64, 200, 256, 1024, 4096, 65_536];

/** More than a core's caches hold. */
const dataBytes = 16 * 1024 * 1024;

/** Bytes that are timed at once. The best time counts: whatever else the machine does only adds to it. */
const stepBytes = 256 * 1024;

/** Each candidate is measured so often, in turn with the others, for so many milliseconds. */
const rounds = 5;
const duration = 60;

/** Hashes `count` records of `width` bytes, which begin `offset` bytes after the data's beginning. */
type Candidate = (offset: number, count: number, width: number) => void;

/** Measures the record hash, and what could be in its place, over records of several lengths. */
export async function hash(): Promise<void> {
  const measured = await candidates();
  const seconds = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const width of widths) {
      for (const [name, candidate] of Object.entries(measured)) {
        const key = `${name} ${width}`;
        seconds.set(key, Math.min(seconds.get(key) ?? Infinity, secondsPerGiB(candidate, width)));
      }
    }
  }
  const figures = widths.map((recordBytes) => ({
    recordBytes,
    secondsPerGiB: Object.fromEntries(
      Object.keys(measured).map((name) => [name, Number(seconds.get(`${name} ${recordBytes}`)!.toPrecision(3))]),
    ),
  }));
  await report(
    'hash',
    figures,
    figures.map(({ recordBytes, secondsPerGiB }) => ({ 'bytes a record': recordBytes, ...secondsPerGiB })),
  );
}

async function candidates(): Promise<Record<string, Candidate>> {
  const memory = new WorkMemory();
  const address = memory.take(dataBytes);
  const data = memory.view(address, dataBytes);
  new Uint32Array(data.buffer, data.byteOffset, dataBytes / 4).forEach((_, i, words) => (words[i] = i * 0x9e3779b1));
  const view = new DataView(data.buffer, data.byteOffset, dataBytes);
  const words = new Uint32Array(4);
  const library = await createXXHash128();
  return {
    'kernel (XXH3)': (offset, count, width) => {
      memory.addHashes(0n, address + offset, count, width);
    },
    'JavaScript (MurmurHash3)': (offset, count, width) => {
      for (let record = 0; record < count; record++) murmurHash3(view, offset + record * width, width, words);
    },
    'hash-wasm (XXH3)': (offset, count, width) => {
      for (let record = 0; record < count; record++) {
        const start = offset + record * width;
        library
          .init()
          .update(data.subarray(start, start + width))
          .digest('binary');
      }
    },
  };
}

function secondsPerGiB(candidate: Candidate, width: number): number {
  const count = Math.floor(stepBytes / width);
  const end = performance.now() + duration;
  let best = Infinity;
  for (let offset = 0; performance.now() < end; offset = (offset + stepBytes) % dataBytes) {
    const start = performance.now();
    candidate(offset, count, width);
    best = Math.min(best, performance.now() - start);
  }
  return (best / 1000) * (2 ** 30 / (count * width));
}
