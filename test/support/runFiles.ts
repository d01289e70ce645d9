import type { RunFiles } from '../../src/pages/runFiles.js';
import { damaged } from '../../src/pages/pack.js';

export interface Read {
  readonly file: string;
  readonly start: number;
  /** Infinity: the whole file. */
  readonly end: number;
}

/** Counts the requests that go through to other files. */
export function counted(files: RunFiles): { files: RunFiles; reads: Read[] } {
  const reads: Read[] = [];
  return {
    reads,
    files: {
      read: (file, start, end, signal) => {
        reads.push({ file, start, end });
        return files.read(file, start, end, signal);
      },
      readWhole: (file, limit, signal) => {
        reads.push({ file, start: 0, end: Infinity });
        return files.readWhole(file, limit, signal);
      },
    },
  };
}

/** Files that are only in memory, and what was read of them. */
export function filesInMemory(contents: Readonly<Record<string, Uint8Array>>): { files: RunFiles; reads: Read[] } {
  return counted({
    read: (file, start, end) => {
      const bytes = contents[file]?.slice(start, end);
      return bytes?.length === end - start ? Promise.resolve(bytes) : Promise.reject(damaged(file, 'it is too short'));
    },
    readWhole: (file) => Promise.resolve(contents[file]),
  });
}
