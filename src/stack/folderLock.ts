import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { StackBusy } from '../errors.js';
import { readJsonIfPresent, writePrivateFile } from './files.js';
import { identify, isRunning, signalProcess, type ProcessIdentity } from './processIdentity.js';

const identitySchema = z.object({ pid: z.int().positive(), started: z.string() });
const recordSchema = z.object({ owner: identitySchema, children: z.array(identitySchema) });
type LockRecord = z.infer<typeof recordSchema>;

const pollMilliseconds = 50;

/**
 * One owner at a time for a data folder. The lock is a file that names its owner and the owner's children; it dies with
 * its owner, and whoever takes over first makes sure that the children are gone too.
 */
export class FolderLock {
  private constructor(
    private readonly path: string,
    private readonly owner: ProcessIdentity,
  ) {}

  /**
   * @param folder an existing folder
   * @param leftoverMilliseconds how long a dead owner's watchdog may take to end its children before they are killed
   * @throws StackBusy when the owner lives
   */
  static async acquire(folder: string, leftoverMilliseconds = 10_000): Promise<FolderLock> {
    const path = join(folder, 'lock.json');
    const owner = identify(process.pid);
    if (owner === undefined) throw new Error('this process cannot see itself in the process table');
    const lock = new FolderLock(path, owner);
    while (!lock.create(path)) {
      const held = await readRecord(path);
      if (held !== undefined && isRunning(held.owner)) throw busy(folder, held.owner);
      if (await lock.succeed(leftoverMilliseconds)) break;
      await sleep(pollMilliseconds);
    }
    return lock;
  }

  /** Remembers the children, so that they can be found and ended if this process dies. */
  recordChildren(children: readonly ProcessIdentity[]): void {
    writePrivateFile(this.path, this.content(children));
  }

  release(): void {
    rmSync(this.path, { force: true });
  }

  /**
   * Takes the place of a dead owner. Of several that try, one at a time looks again and acts: the one with the claim.
   * @returns whether the lock is ours now
   */
  private async succeed(leftoverMilliseconds: number): Promise<boolean> {
    const claim = `${this.path}.claim`;
    if (!this.create(claim)) {
      const claimant = await readRecord(claim);
      if (claimant === undefined || !isRunning(claimant.owner)) rmSync(claim, { force: true });
      return false;
    }
    try {
      const held = await readRecord(this.path);
      if (!existsSync(this.path) || (held !== undefined && isRunning(held.owner))) return false;
      if (held !== undefined) await endLeftovers(held.children, leftoverMilliseconds);
      writePrivateFile(this.path, this.content([]));
      return true;
    } finally {
      rmSync(claim, { force: true });
    }
  }

  /** Linking makes the file appear whole, and only where none is. */
  private create(path: string): boolean {
    const temporary = `${path}.${randomUUID()}`;
    writePrivateFile(temporary, this.content([]));
    try {
      linkSync(temporary, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  private content(children: readonly ProcessIdentity[]): string {
    const record: LockRecord = { owner: this.owner, children: [...children] };
    return `${JSON.stringify(record)}\n`;
  }
}

async function readRecord(path: string): Promise<LockRecord | undefined> {
  return recordSchema.safeParse(await readJsonIfPresent(path)).data;
}

async function endLeftovers(children: readonly ProcessIdentity[], leftoverMilliseconds: number): Promise<void> {
  const deadline = Date.now() + leftoverMilliseconds;
  while (children.some(isRunning)) {
    if (Date.now() > deadline) for (const child of children) signalProcess(child, 'SIGKILL');
    await sleep(pollMilliseconds);
  }
}

function busy(folder: string, { pid }: ProcessIdentity): StackBusy {
  return new StackBusy(
    `riffle's servers already run in ${folder} (process ${pid}). Use them from another terminal in this folder, stop ` +
      'that process first, or work in another folder.',
    { folder, pid },
  );
}
