import { ApplicationFailure, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow, WorkflowResultType } from '@temporalio/workflow';

export const setParallelism = defineUpdate<number, [number]>('setParallelism');
/** The same, on the way from the root to its groups of tasks. */
const parallelismSignal = defineSignal<[number]>('parallelism');

/** How many tasks may run at once, on one level of the tree of workflows; children get equal shares. */
export class Steering {
  /** Open children, with the share that each has been given. */
  private readonly children = new Map<ChildWorkflowHandle<Workflow>, number>();

  /** @param groups into how many children a parallelism is spread */
  constructor(
    private value: number,
    private readonly groups: (parallelism: number) => number = () => 1,
  ) {}

  /** For workflows below the root: follows the signals of the parent. */
  static bySignal(parallelism: number, groups?: (parallelism: number) => number): Steering {
    const steering = new Steering(parallelism, groups);
    setHandler(parallelismSignal, (value) => steering.change(value), {
      description: 'Internal: how many tasks may run at once.',
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

  /**
   * Starts a child with its share and waits for its result. A change that comes while it is being started reaches it,
   * too.
   */
  async run<T extends Workflow>(
    start: (parallelism: number) => Promise<ChildWorkflowHandle<T>>,
  ): Promise<WorkflowResultType<T>> {
    const given = this.share(this.children.size + 1);
    const child = await start(given);
    this.children.set(child, given);
    try {
      if (this.share(this.children.size) !== given) await this.settle();
      return await child.result();
    } finally {
      this.children.delete(child);
      // Where no other child takes its place (the parallelism was lowered), the rest share what it had.
      if (this.children.size >= this.groups(this.value)) await this.settle();
    }
  }

  private share(children: number): number {
    if (this.value === 0) return 0;
    return Math.max(1, Math.floor(this.value / Math.max(children, this.groups(this.value))));
  }

  /** Tells every child whose share has changed. */
  private async settle(): Promise<void> {
    const share = this.share(this.children.size);
    const changed = [...this.children].filter(([, given]) => given !== share);
    for (const [child] of changed) this.children.set(child, share);
    await Promise.all(changed.map(([child]) => tell(child, share)));
  }
}

/** A child that has just ended needs no parallelism. */
async function tell(child: ChildWorkflowHandle<Workflow>, parallelism: number): Promise<void> {
  await child.signal(parallelismSignal, parallelism).catch(() => undefined);
}

/** The root's side: offers the update `setParallelism`, from the workflow's first moment on. */
export class RootSteering {
  private wanted: number | undefined;
  private steering: Steering | undefined;

  constructor() {
    setHandler(
      setParallelism,
      async (parallelism) => {
        this.wanted = parallelism;
        await this.steering?.change(parallelism);
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
  }

  /** @param parallelism what the run gets where nobody has asked for another */
  begin(parallelism: number): Steering {
    this.steering = new Steering(this.wanted ?? parallelism);
    return this.steering;
  }
}
