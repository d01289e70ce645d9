import { condition } from '@temporalio/workflow';

/** Jobs of which a bounded number runs at once. Others may be added at any time. */
export class Pool<T> {
  private readonly queue: T[] = [];
  private readonly jobs = new Set<Promise<void>>();
  private active = 0;
  private broken: { readonly error: unknown } | undefined;

  /**
   * @param limit jobs at once, which may change
   * @param onEnd called when a job has ended
   */
  constructor(
    private readonly limit: () => number,
    private readonly job: (item: T) => Promise<void>,
    private readonly onEnd: () => Promise<void> | undefined = () => undefined,
  ) {}

  add(items: Iterable<T>): void {
    this.queue.push(...items);
  }

  /** Jobs that have been started and have not ended. */
  get running(): number {
    return this.active;
  }

  /** Jobs that are still to be started. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Runs until all jobs have ended. One that throws stops the start of others; those under way are waited for.
   * @throws what the first job threw that did
   */
  async drain(): Promise<void> {
    try {
      for (;;) {
        await condition(() => this.broken !== undefined || this.isIdle() || this.mayStart());
        if (this.broken || this.isIdle()) break;
        this.start(this.queue.shift()!);
      }
    } catch (error) {
      this.broken ??= { error };
    }
    await Promise.all(this.jobs);
    if (this.broken) throw this.broken.error;
    // More may have been added while the last jobs were telling of their end.
    if (!this.isIdle()) await this.drain();
  }

  private isIdle(): boolean {
    return this.queue.length === 0 && this.active === 0;
  }

  private mayStart(): boolean {
    return this.queue.length > 0 && this.active < this.limit();
  }

  private start(item: T): void {
    const run = this.run(item).finally(() => this.jobs.delete(run));
    this.jobs.add(run);
  }

  private async run(item: T): Promise<void> {
    this.active++;
    try {
      await this.job(item);
    } catch (error) {
      this.broken ??= { error };
    }
    this.active--;
    await this.onEnd();
  }
}
