import { setImmediate } from 'node:timers/promises';
import { WorkMemory } from '../memory/workMemory.js';
import { formatSize } from '../sizes.js';
import { createS3Store } from '../storage/s3.js';
import type { Verdict } from '../verify/verdict.js';
import { parseVerifyInput, VerifyRun } from '../verify/verifyRun.js';
import type { VerifyPart } from '../verify/verifyTask.js';
import { say } from './output.js';
import type { Outcome } from './output.js';

/** Milliseconds between two progress lines. */
const interval = 1000;

/**
 * `riffle verify IN… OUT`: in this process; `riffle start verify` spreads the work over workers.
 * @param uris all but the last name the input
 */
export async function verifyCommand(uris: readonly string[]): Promise<Outcome> {
  const inputs = uris.slice(0, -1);
  const parsed = parseVerifyInput({ input: inputs.length === 1 ? inputs[0] : inputs, output: uris.at(-1) });
  const store = createS3Store();
  const { signal } = new AbortController();
  try {
    const run = await VerifyRun.open(store, parsed, signal);
    const pause = async (): Promise<void> => void (await setImmediate());
    const memory = new WorkMemory();
    const parts: VerifyPart[] = [];
    const onBytes = progress(run.bytes);
    for (let task = 0; task < run.taskCount; task++) {
      parts.push(await run.runTask(task, { store, memory, signal, onBytes, pause, reserve: () => Promise.resolve() }));
    }
    return verdictOutcome(await run.judge(parts, pause));
  } finally {
    store.close();
  }
}

export function verdictOutcome(verdict: Verdict): Outcome {
  const { order } = verdict;
  const text = [
    verdict.permutation
      ? `The output is a permutation of the input: ${verdict.rows} records, multiset digest ${verdict.digest.input}.`
      : `The output is NOT a permutation of the input: ${verdict.rows} records with digest ${verdict.digest.input} in ` +
        `the input, ${verdict.outputRows} with ${verdict.digest.output} in the output.`,
    ...verdict.damaged.map((key) => `Damaged: ${key} does not have the CRC-32 that dataset.json names.`),
    order.shuffled === null
      ? `The order is not testable: ${order.sampled} distinct records, 1,000 are needed.`
      : `The order ${order.shuffled ? 'looks uniformly random' : 'is NOT random'} (${order.sampled} records sampled): ` +
        order.tests.map(({ name, p }) => `${name} p = ${p.toPrecision(2)}`).join(', '),
  ].join('\n');
  return { json: verdict, text, exitCode: verdict.ok ? 0 : 1 };
}

function progress(total: number): (bytes: number) => void {
  const start = Date.now();
  let shown = start;
  let done = 0;
  return (bytes) => {
    done += bytes;
    const now = Date.now();
    if (now - shown < interval) return;
    shown = now;
    const rate = done / ((now - start) / 1000);
    say(
      `${formatSize(done)} of ${formatSize(total)}, ${formatSize(rate)}/s, about ${Math.ceil((total - done) / rate)} s left`,
    );
  };
}
