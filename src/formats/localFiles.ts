import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FileChanged, InvalidInput } from '../errors.js';
import { compareText } from './shardHeader.js';

export interface LocalEntry {
  /** Relative to the directory, with slashes. */
  readonly path: string;
  /** Where it is on this machine. */
  readonly file: string;
  readonly bytes: number;
  /** Changes whenever the file does. */
  readonly version: string;
}

/**
 * All files in a directory and the directories in it, in order of their paths. Dot files, links (never followed) and
 * what is neither file nor directory are left out and counted.
 * @throws InvalidInput when a directory cannot be read
 */
export async function findFiles(
  directory: string,
  signal?: AbortSignal,
): Promise<{ entries: LocalEntry[]; ignored: number }> {
  const entries: LocalEntry[] = [];
  let ignored = 0;
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal?.throwIfAborted();
    const children = await readable(join(directory, folder), (path) => readdir(path, { withFileTypes: true }));
    for (const child of children) {
      const path = `${folder}${child.name}`;
      if (child.name.startsWith('.') || !(child.isFile() || child.isDirectory())) ignored++;
      else if (child.isDirectory()) waiting.push(`${path}/`);
      else {
        const file = join(directory, path);
        const stats = await readable(file, () => lstat(file, { bigint: true }));
        entries.push({ path, file, bytes: Number(stats.size), version: versionOf(stats) });
      }
    }
  }
  entries.sort((a, b) => compareText(a.path, b.path));
  return { entries, ignored };
}

/** An open file that must stay as it was when it was found. */
export class LocalFile {
  constructor(
    readonly entry: LocalEntry,
    private readonly handle: FileHandle,
  ) {}

  /** Bytes [start, end). @throws FileChanged */
  async read(start: number, end: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(end - start);
    for (let filled = 0; filled < target.length;) {
      const { bytesRead } = await this.handle.read(target, filled, target.length - filled, start + filled);
      if (bytesRead === 0) throw changed(this.entry);
      filled += bytesRead;
    }
    await this.check();
    return target;
  }

  /** @throws FileChanged */
  async check(): Promise<void> {
    if (versionOf(await this.handle.stat({ bigint: true })) !== this.entry.version) throw changed(this.entry);
  }
}

/** Opens a file for the duration of `task`. @throws FileChanged when it is not the file that was found any more */
export async function withFile<T>(entry: LocalEntry, task: (file: LocalFile) => Promise<T>): Promise<T> {
  // A link may have taken the file's place since.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const handle = await readable(entry.file, (path) => open(path, flags));
  try {
    const file = new LocalFile(entry, handle);
    await file.check();
    return await task(file);
  } finally {
    await handle.close();
  }
}

function versionOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

function changed(entry: LocalEntry): FileChanged {
  return new FileChanged(
    `${entry.file} changed while it was being uploaded. Run the same again when nothing writes to it any more.`,
    { file: entry.file },
  );
}

async function readable<T>(path: string, access: (path: string) => Promise<T>): Promise<T> {
  try {
    return await access(path);
  } catch (error) {
    throw new InvalidInput(`${path} cannot be read: ${(error as Error).message}.`, { file: path }, { cause: error });
  }
}
