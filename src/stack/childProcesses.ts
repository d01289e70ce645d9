import { ManagedProcess, type ProcessOptions } from './managedProcess.js';
import { identify, type ProcessIdentity } from './processIdentity.js';
import { Watchdog } from './watchdog.js';

/** The child processes of one stack: none of them outlives this process, however it ends. */
export class ChildProcesses {
  private readonly watchdog = new Watchdog();
  private readonly running = new Map<ManagedProcess, ProcessIdentity>();
  private closed = false;

  /** @param onChange takes the children that run now, at every change */
  constructor(private readonly onChange: (children: readonly ProcessIdentity[]) => void) {}

  spawn(options: ProcessOptions): ManagedProcess {
    if (this.closed) throw new Error(`${options.name} cannot start: the stack is stopping`);
    const child = new ManagedProcess(options);
    const { pid } = child;
    if (pid === undefined) return child;
    this.watchdog.watch(pid);
    const identity = identify(pid);
    if (identity !== undefined) {
      this.running.set(child, identity);
      this.onChange([...this.running.values()]);
    }
    void child.exited.then(() => {
      this.watchdog.forget(pid);
      this.running.delete(child);
      if (!this.closed) this.onChange([...this.running.values()]);
    });
    return child;
  }

  /** Stops whatever still runs, then the watchdog. */
  async close(graceMilliseconds: number): Promise<void> {
    this.closed = true;
    await Promise.all([...this.running.keys()].map((child) => child.stop(graceMilliseconds)));
    await this.watchdog.close();
  }
}
