import type { TaskCall, TaskOutcome } from './contract.js';
import { codeAndMessage, failure, innermost } from './failures.js';

/** Attempts of a task whose inputs keep turning out damaged. */
const mostRounds = 5;

/** Repairs are made one after the other; where a whole pass is lost, a new start does it with all workers. */
const mostRepairs = 50;

/** Makes a run forget that tasks are done. */
export type Forget = (scope: unknown, pass: number, tasks: readonly number[]) => Promise<void>;

/**
 * Runs tasks; where one finds that what earlier tasks wrote is missing or corrupt, those are done again first (and,
 * before them, what they need in turn).
 */
export class Repairs {
  private readonly redone = new Map<string, Promise<unknown>>();

  constructor(
    private readonly scope: unknown,
    private readonly call: (call: TaskCall) => Promise<TaskOutcome>,
    private readonly forget?: Forget,
    /** Whether the history has room for so many activities more. */
    private readonly hasRoom: (activities: number) => boolean = () => true,
  ) {}

  async run(call: TaskCall): Promise<TaskOutcome> {
    return this.repairing(() => this.call(call));
  }

  /** Does `work`, mending what it finds damaged. */
  async repairing<T>(work: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round++) {
      try {
        return await work();
      } catch (error) {
        const damage = damageOf(error);
        if (!damage || round === mostRounds) throw error;
        // They, and what found them damaged, are activities more than the group has tasks.
        if (damage.tasks.length > mostRepairs || !this.hasRoom(damage.tasks.length + 1)) {
          await this.forget?.(this.scope, damage.pass, damage.tasks);
          throw tooDamaged(error);
        }
        for (const task of damage.tasks) await this.redo(damage.pass, task, round > 1);
      }
    }
  }

  /** Several readers find the same damage: one repair serves them all, unless it did not help. */
  private redo(pass: number, task: number, again: boolean): Promise<unknown> {
    const name = `${pass}/${task}`;
    const before = again ? undefined : this.redone.get(name);
    const repair = before ?? this.run({ scope: this.scope, pass, task, redo: true });
    this.redone.set(name, repair);
    // One that failed is tried anew when its readers are.
    repair.catch(() => this.redone.delete(name));
    return repair;
  }
}

/** Summary of a task that is done again because of what a step after all passes found. */
export function againSummary({ pass, task }: TaskCall): string {
  return `pass ${pass}: task ${task} (again)`;
}

function tooDamaged(error: unknown): Error {
  const { code, message } = codeAndMessage(error);
  return failure(
    code,
    `${message} That is too much to mend in passing: start the workflow again, it does what is missing.`,
  );
}

function damageOf(error: unknown): { pass: number; tasks: number[] } | undefined {
  const inner = innermost(error);
  if (inner?.type !== 'WorkDamaged') return undefined;
  return (inner.details as [{ pass: number; tasks: number[] }] | undefined)?.[0];
}
