import { createHash } from 'node:crypto';
import { encodeStreamFile, idBytesOf, newTokens, rowsPerFile } from '../../pages/tokenStream.js';
import { streamFile } from '../../pages/run.js';
import { readExcluded } from '../collected.js';
import { shardRows } from '../cut.js';
import { streamBatchRows, streamBytes } from '../memoryNeeds.js';
import { RowReader } from '../rows.js';
import { passes } from '../run.js';
import { writeSections } from '../sections.js';
import { tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { reportOf, type StageReport } from './report.js';

/** Writes one file of the token stream, so that a page's reader can see more of an example's context. */
export async function writeStream(context: StageContext, task: number): Promise<StageReport> {
  const { run, dump, store, signal, pause } = context;
  const file = task - run.renders.length;
  const first = file * rowsPerFile;
  const count = Math.min(rowsPerFile, dump.rows - first);
  await context.reserve(streamBytes(run));
  const tokenizer = await tokenizerOf(store, run, context.uris, signal);
  const reader = new RowReader(context, tokenizer);
  const tokens = newTokens(count);
  for (let at = 0; at < count; at += streamBatchRows) {
    const end = Math.min(count, at + streamBatchRows);
    // The row before tells whether a context begins.
    const skipped = first + at > 0 ? 1 : 0;
    const read = await reader.readTokens(first + at - skipped, end - at + skipped);
    tokens.ids.set(read.tokens.subarray(skipped), at);
    markStarts(tokens.startsContext.subarray(at, end), read.context, skipped);
    markStarts(tokens.startsDocument.subarray(at, end), read.document, skipped);
    await pause();
  }
  await markExcluded(context, first, tokens.excluded);
  const bytes = encodeStreamFile(first, tokens, idBytesOf(tokenizer.size));
  const location = run.file(streamFile(file));
  signal.throwIfAborted();
  const { etag } = await store.put(location, [bytes], { signal });
  const digest = createHash('sha256').update(bytes).digest();
  const wrote = await writeSections(store, run, passes.render, task, [[digest]], signal);
  return reportOf(passes.render, task, 0, [{ key: streamFile(file), bytes: bytes.length, etag }, wrote]);
}

/** @param skipped values before the first flag */
function markStarts(flags: Uint8Array, values: Float64Array | null, skipped: number): void {
  if (!values) return;
  for (let i = 0; i < flags.length; i++) {
    flags[i] = i + skipped === 0 || values[i + skipped] !== values[i + skipped - 1] ? 1 : 0;
  }
}

async function markExcluded(context: StageContext, from: number, flags: Uint8Array): Promise<void> {
  const { run } = context;
  for (let shard = 0; shard < run.plan.tokenShards; shard++) {
    const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
    if (first === end || end <= from || first >= from + flags.length) continue;
    const excluded = await readExcluded(context, run.leadingBlock, shard);
    for (let row = Math.max(first, from); row < Math.min(end, from + flags.length); row++) {
      if (excluded.has(row)) flags[row - from] = 1;
    }
  }
}
