import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, truncateSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';

const chunk = Buffer.allocUnsafe(16 * 1024 ** 2);

/**
 * Fills free memory with clean file pages, as on a server that has been up for a while.
 *
 * A virtual machine hands memory that was freed back to its host, and pays when it is used again: the same copy took 5.2 s
 * right after as much had been deleted, and 7.2 s a while later. Steps that are to be compared must begin alike.
 */
export class FullMemory {
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'ballast');
    // Without any data: reading a hole takes memory, and no disk.
    closeSync(openSync(this.path, 'w'));
    truncateSync(this.path, totalmem());
  }

  /** Takes all memory that is free by now; the kernel gives it to whoever needs it. Nothing is left to be written back. */
  fill(): void {
    execFileSync('sync');
    const file = openSync(this.path, 'r');
    try {
      while (readSync(file, chunk) > 0);
    } finally {
      closeSync(file);
    }
  }

  remove(): Promise<void> {
    return rm(this.path);
  }
}
