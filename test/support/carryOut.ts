import { sumDigests } from '../../src/digests.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { cleanUp } from '../../src/runs/cleanUp.js';
import { commitShuffle, completePass, type ShuffleResult } from '../../src/shuffle/commit.js';
import { parseShuffleInput, type ShuffleInput } from '../../src/shuffle/input.js';
import { prepareShuffle } from '../../src/shuffle/prepare.js';
import type { ShuffleRun } from '../../src/shuffle/run.js';
import { runTask } from '../../src/shuffle/task.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { parsePrefix } from '../../src/storage/uri.js';

const { signal } = new AbortController();
const memory = new WorkMemory();

/** Does all passes of a shuffle that nothing disturbs, as the workflow would; does not commit it. */
export async function carryOutPasses(
  store: ObjectStore,
  input: object,
): Promise<{ run: ShuffleRun; result: ShuffleResult | undefined }> {
  const parsed = parseShuffleInput(input) as ShuffleInput;
  const { run, completed, result } = await prepareShuffle(store, parsed, signal);
  if (result) return { run, result };
  const inputs = [parsed.input].flat().map(parsePrefix);
  const context = {
    store,
    memory,
    inputs,
    signal,
    reserve: async () => {},
    onBytes: () => undefined,
    pause: async () => {},
  };
  for (let pass = (completed?.pass ?? 0) + 1; pass <= run.geometry.passes; pass++) {
    const tasks = Array.from({ length: run.geometry.taskCount(pass) }, (_, task) => task);
    const done = [];
    for (const task of tasks) done.push(await runTask(run, pass, task, false, context));
    const records = done.reduce((sum, { report }) => sum + report.records, 0);
    const digest = sumDigests(done.map(({ report }) => report.digest));
    await completePass(store, run, { pass, records, digest }, false, signal);
  }
  return { run, result };
}

/** The same with commit and clean-up. */
export async function carryOut(store: ObjectStore, input: object): Promise<ShuffleResult> {
  const { run, result } = await carryOutPasses(store, input);
  if (result) return result;
  const committed = await commitShuffle(store, run, false, signal);
  await cleanUp(store, run, signal);
  return committed;
}
