import { ActivationsDisagree } from '../../errors.js';
import type { FeatureSelection } from '../../features/select.js';
import { PagePacker } from '../../pages/packPages.js';
import { pageFormat, type FeatureExample, type FeatureGroup, type FeaturePage } from '../../pages/page.js';
import { pagesFile } from '../../pages/run.js';
import { tableColumns } from '../../pages/table.js';
import type { WrittenObject } from '../../runs/checkpoint.js';
import type { Tokenizer } from '../../tokens/tokenizer.js';
import { hullOf, openBlockEncoder } from '../blockEncoder.js';
import { CutOffs } from '../cutOffs.js';
import { shardRows } from '../cut.js';
import { readGathered } from '../gathered.js';
import { parseLabels } from '../labels.js';
import { LogitLens, type LogitEffect, type LogitEffects } from '../logitEffects.js';
import { batchRows, renderBytes } from '../memoryNeeds.js';
import { findNeighbours, type Neighbour } from '../neighbours.js';
import { readDecoderBlock, type DecoderBlock } from '../preparedBlock.js';
import type { RenderRange } from '../cut.js';
import { passes } from '../run.js';
import { readSelections } from '../selection.js';
import { labelsLimit, readSource, tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { openUnembedding } from '../unembedding.js';
import { WindowSlots } from '../windowSlots.js';
import { reportOf, type StageReport } from './report.js';

/** Stage 4: computes what the windows of a range of features show, and writes their pages. */
export async function render(context: StageContext, task: number): Promise<StageReport> {
  const { run, store, uris, memory, signal, pause } = context;
  const range = run.renders[task]!;
  const { settings } = run.layout;
  await context.reserve(renderBytes(run, range));
  memory.reset();
  const tokenizer = await tokenizerOf(store, run, uris, signal);
  const labels = await labelsOf(context);
  const selections = await selectionsOf(context, range);
  const slots = new WindowSlots(selections, settings.window);
  await fillSlots(context, task, range, selections, slots);

  const lens = await openLens(context, tokenizer);
  const wrote: WrittenObject[] = [];
  let at = 0;
  try {
    for (let pack = Math.floor(range.from / settings.featuresPerPack); at < selections.length; pack++) {
      const end = (pack + 1) * settings.featuresPerPack;
      const packed = selections.slice(at).filter(({ feature }) => feature < end);
      if (packed.length === 0) continue;
      const weights = await weightsOf(context, range, packed, lens);
      const packer = new PagePacker({
        pack,
        featuresPerPack: settings.featuresPerPack,
        of: run.layout.sae.features,
        vocabulary: tokenizer.size,
        columns: tableColumns(run.sources.rows),
      });
      for (const [index, selection] of packed.entries()) {
        const effects = await weights.effects?.next();
        const page = pageOf(selection, at + index, slots, tokenizer, {
          label: labels.get(selection.feature) ?? null,
          logits: effects?.done === false ? effects.value : null,
          neighbours: weights.neighbours[index] ?? [],
        });
        packer.add(page, { sampled: selection.sample.tokens, tokens: selection.sample.ids });
        if (index % 64 === 0) await pause();
      }
      const { pages, slice } = packer.finish();
      for (const [key, { parts }] of [
        [pagesFile(pack), pages],
        [run.sliceKey(pack), slice],
      ] as const) {
        signal.throwIfAborted();
        const { etag } = await store.put(run.file(key), parts, { signal });
        const bytes = parts.reduce((sum, { length }) => sum + length, 0);
        wrote.push({ key, bytes, etag });
      }
      at += packed.length;
    }
  } finally {
    await lens?.close();
  }
  return reportOf(passes.render, task, selections.length, wrote);
}

async function selectionsOf(context: StageContext, { firstBlock, endBlock }: RenderRange): Promise<FeatureSelection[]> {
  const { run } = context;
  const selections: FeatureSelection[] = [];
  for (let block = firstBlock; block < endBlock; block++) {
    if (run.featuresIn(run.blocks[block]!).length > 0) selections.push(...(await readSelections(context, block)));
  }
  return selections;
}

/** Computes the activations of all windows, block after block, over what was gathered of each token shard. */
async function fillSlots(
  context: StageContext,
  task: number,
  { firstBlock, endBlock }: RenderRange,
  selections: readonly FeatureSelection[],
  slots: WindowSlots,
): Promise<void> {
  const { run, memory, dump, pause } = context;
  const indexes = new Map(selections.map(({ feature }, index) => [feature, index]));
  const mark = memory.mark();
  let placed = false;
  for (let block = firstBlock; block < endBlock; block++) {
    const wanted = run.featuresIn(run.blocks[block]!);
    if (wanted.length === 0) continue;
    const range = hullOf(wanted);
    const rowsAtOnce = batchRows(dump.rowBytes);
    const address = memory.take(rowsAtOnce * dump.rowBytes);
    const marks = memory.take(rowsAtOnce);
    const cutOffs = run.needsCutOffs ? CutOffs.open(context, rowsAtOnce) : undefined;
    const encoder = await openBlockEncoder(context, block, range);
    try {
      for (let shard = 0; shard < run.plan.gatherShards; shard++) {
        const { first, end } = shardRows(run.sources.rows, run.plan.gatherShards, shard);
        if (first === end) continue;
        const gathered = await readGathered(context, shard, task);
        if (!placed) slots.addRows(gathered);
        for (let at = 0; at < gathered.rows.length; at += rowsAtOnce) {
          const count = Math.min(rowsAtOnce, gathered.rows.length - at);
          const activations = gathered.activations.subarray(at * dump.rowBytes, (at + count) * dump.rowBytes);
          memory.view(address, activations.length).set(activations);
          memory.view(marks, count).set(gathered.excluded.subarray(at, at + count));
          const top = cutOffs?.from(gathered.cutOffs, at, count);
          await encoder.encode(
            { address, count, firstRow: gathered.rows[at]!, excluded: marks },
            (firings) => {
              const [rows, features, activations] = [
                firings.rowView(),
                firings.featureView(),
                firings.activationView(),
              ];
              for (let i = 0; i < firings.count; i++) {
                const index = indexes.get(range.from + features[i]!);
                if (index !== undefined) slots.addFiring(index, gathered.rows[at + rows[i]!]!, activations[i]!);
              }
            },
            top,
          );
          await pause();
        }
      }
    } finally {
      await encoder.close();
    }
    placed = true;
    memory.rewind(mark);
  }
}

/** What follows from the weights of features alone. */
interface FromWeights {
  readonly effects: AsyncGenerator<LogitEffects, void> | undefined;
  readonly neighbours: readonly (readonly Neighbour[])[];
}

async function weightsOf(
  context: StageContext,
  { firstBlock, endBlock }: RenderRange,
  selections: readonly FeatureSelection[],
  lens: LogitLens | undefined,
): Promise<FromWeights> {
  const { run, store, signal } = context;
  const { logits, neighbours } = run.layout.settings;
  if (!lens && neighbours === 0) return { effects: undefined, neighbours: [] };
  const d = run.layout.sae.outputWidth;
  const rows = new Float32Array(selections.length * d);
  for (let block = firstBlock; block < endBlock; block++) {
    const { from, to } = run.blocks[block]!;
    if (!selections.some(({ feature }) => feature >= from && feature < to)) continue;
    const { decoder } = await readDecoderBlock(store, run, block, signal);
    for (const [index, { feature }] of selections.entries()) {
      if (feature < from || feature >= to) continue;
      rows.set(decoder.subarray((feature - from) * d, (feature - from + 1) * d), index * d);
    }
  }
  const numbers = selections.map(({ feature }) => feature);
  return {
    effects: lens?.effects(rows, logits),
    neighbours:
      neighbours === 0 ? [] : await findNeighbours(context, rows, numbers, () => decoders(context), neighbours),
  };
}

/** All decoder rows of the SAE, ascending. */
async function* decoders({ run, store, signal }: StageContext): AsyncGenerator<DecoderBlock, void> {
  for (let block = 0; block < run.blocks.length; block++) yield readDecoderBlock(store, run, block, signal);
}

async function openLens(context: StageContext, tokenizer: Tokenizer): Promise<LogitLens | undefined> {
  const { run, store, uris, signal } = context;
  if (uris.unembedding === undefined || run.layout.unembedding === undefined) return undefined;
  const { etag } = run.layout.unembedding;
  const unembedding = await openUnembedding(store, uris.unembedding, run.layout.sae.outputWidth, signal, etag);
  return LogitLens.open(context, unembedding, (id) => tokenizer.has(id));
}

async function labelsOf({ run, store, uris, signal }: StageContext): Promise<ReadonlyMap<number, string>> {
  const { labels, sae } = run.layout;
  if (labels === undefined || uris.labels === undefined) return new Map();
  return parseLabels(await readSource(store, uris.labels, labels, labelsLimit, signal), sae.features, uris.labels);
}

function pageOf(
  { sample: _, ...selection }: FeatureSelection,
  index: number,
  slots: WindowSlots,
  tokenizer: Tokenizer,
  {
    label,
    logits,
    neighbours,
  }: { label: string | null; logits: LogitEffects | null; neighbours: readonly Neighbour[] },
): FeaturePage {
  const named = (effects: readonly LogitEffect[]): { id: number; token: string; value: number }[] =>
    effects.map(({ id, value }) => ({ id, token: tokenizer.textOf(id), value }));
  const groups = selection.groups.map((group): FeatureGroup => ({
    ...group,
    examples: group.examples.map(({ row, activation }) =>
      exampleOf(selection.feature, row, activation, index, slots, tokenizer),
    ),
  }));
  return {
    format: pageFormat,
    ...selection,
    label,
    histogram: selection.histogram && {
      edges: [...selection.histogram.edges],
      counts: [...selection.histogram.counts],
    },
    topTokens: selection.topTokens.map(({ id, share }) => ({ id, token: tokenizer.textOf(id), share })),
    logits: logits && {
      top: named(logits.top),
      bottom: named(logits.bottom),
      histogram: { edges: [...logits.histogram.edges], counts: [...logits.histogram.counts] },
    },
    neighbours: neighbours.map(({ feature, cosine }) => ({ feature, cosine })),
    groups,
  };
}

/** @throws ActivationsDisagree when the focus came out different than in stage 1 */
function exampleOf(
  feature: number,
  row: number,
  activation: number,
  index: number,
  slots: WindowSlots,
  tokenizer: Tokenizer,
): FeatureExample {
  const shown = slots.show(index, row);
  if (!shown) throw new RangeError(`Row ${row} of feature ${feature} was not gathered`);
  const { context, position, document, focus, ids, values } = shown;
  const again = values[focus];
  if (again === null || again === undefined || Math.abs(again - activation) > 1e-3 * Math.abs(activation) + 1e-3) {
    throw new ActivationsDisagree(
      `The activation of feature ${feature} on row ${row} was ${activation} when it was collected, and is ${again} now: ` +
        'machines that compute differently share this run. Let workers of one kind take part, and use a new output prefix.',
      { feature, row, collected: activation, now: again },
    );
  }
  return {
    row,
    context,
    position,
    document,
    activation,
    focus,
    ids: [...ids],
    tokens: tokenizer.texts(ids),
    values: values.map((value, at) => (at === focus ? activation : value)),
  };
}
