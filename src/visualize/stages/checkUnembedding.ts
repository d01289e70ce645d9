import { passes } from '../run.js';
import type { StageContext } from '../taskContext.js';
import { openUnembedding } from '../unembedding.js';
import { reportOf, type StageReport } from './report.js';

/** Bytes that it takes: what is read at a time, as it comes and widened. */
const checkBytes = 96 * 1024 * 1024;

/**
 * Stage 0, beside the blocks of the SAE: reads the unembedding once, so that one with NaN is refused before hours of work
 * and not by the last stage.
 * @throws UnembeddingInvalid
 */
export async function checkUnembedding(context: StageContext, task: number): Promise<StageReport> {
  const { run, store, uris, signal, pause } = context;
  const { unembedding, sae } = run.layout;
  if (!unembedding || uris.unembedding === undefined) throw new RangeError('the run has no unembedding');
  await context.reserve(checkBytes);
  const opened = await openUnembedding(store, uris.unembedding, sae.outputWidth, signal, unembedding.etag);
  await opened.check(pause);
  return reportOf(passes.prepare, task, 0, []);
}
