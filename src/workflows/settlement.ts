import { condition, defineSignal, getExternalWorkflowHandle, setHandler } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow } from '@temporalio/workflow';
import type { FanOutInput } from './fanOut.js';

/** A part tells the level above that it has failed tasks and nothing else to do. */
export interface StuckReport {
  /** Its first task. */
  readonly part: number;
  /** Orders to do failed tasks again that had come by then. */
  readonly retries: number;
}

export const stuckSignal = defineSignal<[StuckReport]>('stuck');
const giveUpSignal = defineSignal('giveUp');

/**
 * Decides, on every level of the tree, when failed tasks are the failure of the level: the top does as the input's
 * `onFailure` says; the levels below stay open, so that their tasks can still be done again, until the top gives up.
 */
export class Settlement {
  /** Orders to do failed tasks again that have come so far. */
  retries: number;
  private gaveUp = false;

  constructor(private readonly input: FanOutInput) {
    this.retries = input.past?.retries ?? 0;
    setHandler(
      giveUpSignal,
      () => {
        this.gaveUp = true;
      },
      { description: 'Internal: fail of the failed tasks.' },
    );
  }

  /**
   * Waits, when nothing but failed tasks is left.
   * @param mayGoOn whether there is work again
   * @returns whether to go on; otherwise the level fails
   */
  async wait(mayGoOn: () => boolean): Promise<boolean> {
    const { parent, onFailure, firstTask } = this.input;
    if (parent === undefined && onFailure === 'fail') return false;
    if (parent !== undefined) {
      const report: StuckReport = { part: firstTask, retries: this.retries };
      // Without the level above nobody waits for this one.
      await getExternalWorkflowHandle(parent)
        .signal(stuckSignal, report)
        .catch(() => undefined);
    }
    await condition(() => mayGoOn() || this.gaveUp);
    return mayGoOn();
  }
}

/** Has a part that is stuck fail. */
export async function tellGiveUp(part: ChildWorkflowHandle<Workflow>): Promise<void> {
  await part.signal(giveUpSignal).catch(() => undefined);
}
