import { ApplicationFailure, condition, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow, WorkflowResultType } from '@temporalio/workflow';
import type { PartOf } from './contract.js';

export const setParallelism = defineUpdate<number, [number]>('setParallelism');
export const retryFailed = defineUpdate<number>('retryFailed');
/** The same, on the way from the root to its groups of tasks. */
const parallelismSignal = defineSignal<[number]>('parallelism');
const retrySignal = defineSignal('retry');

/** What a level of the tree of workflows does with the orders from above, where it is not the plain thing. */
export interface SteeringOptions {
  /** Into how many children a parallelism is spread [1]. */
  readonly groups?: (parallelism: number) => number;
  /** Called when failed tasks are to be done again [tells the children]. */
  readonly onRetry?: (steering: Steering) => Promise<void>;
}

/** How many tasks may run at once, on one level of the tree of workflows; children get equal shares. */
export class Steering {
  /** Children at work, with the share that each has been given. */
  private readonly children = new Map<ChildWorkflowHandle<Workflow>, number>();
  private readonly groups: (parallelism: number) => number;
  private settled = Promise.resolve();

  constructor(
    private value: number,
    { groups = () => 1 }: SteeringOptions = {},
  ) {
    this.groups = groups;
  }

  /** For workflows below the root: follows the signals of the parent. */
  static bySignal(parallelism: number, options: SteeringOptions = {}): Steering {
    const steering = new Steering(parallelism, options);
    const { onRetry = () => steering.retry() } = options;
    // A signal that has come already is handled at once: all that handlers use must be there.
    setHandler(parallelismSignal, (value) => steering.change(value), {
      description: 'Internal: how many tasks may run at once.',
    });
    setHandler(retrySignal, () => onRetry(steering), {
      description: 'Internal: do the failed tasks again.',
    });
    return steering;
  }

  get parallelism(): number {
    return this.value;
  }

  async change(parallelism: number): Promise<void> {
    this.value = parallelism;
    await this.settle();
  }

  /** Tells the children at work to do their failed tasks again. */
  async retry(onTold: (child: ChildWorkflowHandle<Workflow>) => void = () => undefined): Promise<void> {
    await Promise.all(
      [...this.children.keys()].map((child) => {
        onTold(child);
        return tellRetry(child);
      }),
    );
  }

  /**
   * Sets a child to work with its share, and waits. A change that comes while it is being started reaches it, too.
   * @param until what is waited for [the child's result]
   */
  async run<T extends Workflow, R = WorkflowResultType<T>>(
    start: (parallelism: number) => Promise<ChildWorkflowHandle<T>>,
    until: (child: ChildWorkflowHandle<T>) => Promise<R> = (child) => child.result() as Promise<R>,
  ): Promise<R> {
    const given = this.share(this.children.size, this.children.size + 1);
    const child = await start(given);
    this.children.set(child, given);
    try {
      await this.settle();
      return await until(child);
    } finally {
      this.children.delete(child);
      // Where no other child takes its place (the parallelism was lowered), the rest share what it had.
      if (this.children.size >= this.groups(this.value)) await this.settle();
    }
  }

  /** What the child at a position gets, so that all together never get more than there is. */
  private share(position: number, children: number): number {
    if (children > this.value) return position < this.value ? 1 : 0;
    return Math.floor(this.value / Math.max(children, this.groups(this.value)));
  }

  /** Tells every child whose share has changed, one round at a time: signals under way together may arrive in any order. */
  private settle(): Promise<void> {
    return (this.settled = this.settled.then(() => this.tellShares()));
  }

  private async tellShares(): Promise<void> {
    const shares = [...this.children.keys()].map((child, position) => ({
      child,
      share: this.share(position, this.children.size),
    }));
    const changed = shares.filter(({ child, share }) => this.children.get(child) !== share);
    for (const { child, share } of changed) this.children.set(child, share);
    await Promise.all(changed.map(({ child, share }) => tellParallelism(child, share)));
  }
}

/** A child that has just ended needs no parallelism. */
export async function tellParallelism(child: ChildWorkflowHandle<Workflow>, parallelism: number): Promise<void> {
  await child.signal(parallelismSignal, parallelism).catch(() => undefined);
}

/** A child that has just ended has no failed tasks, or failed of them. */
export async function tellRetry(child: ChildWorkflowHandle<Workflow>): Promise<void> {
  await child.signal(retrySignal).catch(() => undefined);
}

/** Milliseconds between two looks at the workers at first; later a twentieth of the time that the run has taken. */
const firstLook = 5000;
/** From so many slots on, changes of less than a twentieth are left out. */
const manySlots = 1000;

/** The root's side: offers the updates `setParallelism` and `retryFailed`, from the workflow's first moment on. */
export class RootSteering {
  private wanted: number | undefined;
  private steering: Steering | undefined;

  /**
   * @param requeue called when failed tasks are done again; says how many there are
   * @param partOf the pipeline that decides the parallelism
   */
  constructor(
    private readonly requeue: () => number,
    partOf?: PartOf,
  ) {
    this.wanted = partOf?.parallelism;
    if (partOf) this.followPipeline();
    setHandler(
      setParallelism,
      async (parallelism) => {
        await this.change(parallelism);
        return parallelism;
      },
      {
        description:
          'Sets how many tasks may run at once; 0 starts no more and pauses when the running ones have ended.',
        validator: (parallelism) => {
          if (Number.isInteger(parallelism) && parallelism >= 0 && parallelism <= 100_000) return;
          throw ApplicationFailure.nonRetryable(
            `setParallelism takes a whole number from 0 to 100000, not ${JSON.stringify(parallelism)}.`,
            'InvalidInput',
          );
        },
      },
    );
    setHandler(retryFailed, () => this.retry(), {
      description: 'Does the tasks that have failed for good again; answers how many there are.',
    });
  }

  private async change(parallelism: number): Promise<void> {
    this.wanted = parallelism;
    await this.steering?.change(parallelism);
  }

  private async retry(): Promise<number> {
    const failed = this.requeue();
    await this.steering?.retry();
    return failed;
  }

  private followPipeline(): void {
    setHandler(parallelismSignal, (value) => this.change(value), {
      description: 'Internal: how many tasks may run at once.',
    });
    setHandler(retrySignal, async () => void (await this.retry()), {
      description: 'Internal: do the failed tasks again.',
    });
  }

  /** @param parallelism what the run gets where nobody has asked for another */
  begin(parallelism: number): Steering {
    this.steering = new Steering(this.wanted ?? parallelism);
    return this.steering;
  }

  /**
   * Gives the run the slots that there are, as workers come and go, until somebody asks for another parallelism. Looks
   * become rarer: a run of a week takes about 200 of them, so that its history stays bounded.
   */
  follow(countSlots: () => Promise<number>): void {
    // It ends with the workflow at the latest, by its cancellation or its close.
    this.followUntilAsked(countSlots).catch(() => undefined);
  }

  private async followUntilAsked(countSlots: () => Promise<number>): Promise<void> {
    const begun = Date.now();
    const pause = (): number => Math.max(firstLook, Math.round((Date.now() - begun) / 20));
    while (!(await condition(() => this.wanted !== undefined, pause()))) {
      // A cluster that does not answer for a moment changes nothing.
      const slots = await countSlots().catch(() => undefined);
      const now = this.steering?.parallelism ?? 0;
      if (slots === undefined || this.wanted !== undefined || slots === now) continue;
      // Each change is a signal to every open group: those of many workers that come and go would fill the histories.
      if (now >= manySlots && Math.abs(slots - now) < now / 20) continue;
      await this.steering?.change(slots);
    }
  }
}
