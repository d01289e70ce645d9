/** Every workflow type with one step more at its beginning, as a careless change would add it. */
import { sleep } from '@temporalio/workflow';
import * as workflows from '../../src/workflows/index.js';

type AnyWorkflow = (...args: unknown[]) => Promise<unknown>;

function changed(workflow: unknown): AnyWorkflow {
  return async (...args) => {
    await sleep(1);
    return (workflow as AnyWorkflow)(...args);
  };
}

export const fanOut = changed(workflows.fanOut);
export const pipeline = changed(workflows.pipeline);
export const shuffle = changed(workflows.shuffle);
export const shuffleRun = changed(workflows.shuffleRun);
export const verify = changed(workflows.verify);
export const visualize = changed(workflows.visualize);
export const visualizeRun = changed(workflows.visualizeRun);
