import type { SaeBlock, SaeDescription } from '../sae/sae.js';
import type { FeatureRange } from '../pages/featureSet.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection, sectionBytes } from './sections.js';

type TensorName = Exclude<keyof SaeBlock, 'from' | 'to'>;

/** A tensor of a prepared block: float32, little-endian. */
interface Tensor {
  readonly name: TensorName;
  /** Numbers a feature; "row" where there is one row of the input's width for all features. */
  readonly width: number | 'row';
}

/** What the sections of a prepared object hold, tensor after tensor (docs/formats.md, "Prepared weights"). */
export const blockSections = { encoder: 0, decoder: 1 } as const;
type SectionName = keyof typeof blockSections;

export type EncoderBlock = Omit<SaeBlock, 'decoder'>;
export type DecoderBlock = Pick<SaeBlock, 'from' | 'to' | 'decoder' | 'decoderNorms'>;

function tensorsOf(sae: SaeDescription, section: SectionName): Tensor[] {
  const norms: Tensor = { name: 'decoderNorms', width: 1 };
  if (section === 'decoder') return [{ name: 'decoder', width: sae.outputWidth }, norms];
  const tensors: Tensor[] = [
    { name: 'encoder', width: sae.inputWidth },
    { name: 'encoderBias', width: 1 },
  ];
  if (sae.architecture === 'jumprelu') tensors.push({ name: 'threshold', width: 1 });
  if (sae.architecture === 'gated') {
    tensors.push({ name: 'magnitudeScale', width: 1 }, { name: 'magnitudeBias', width: 1 });
  }
  if (sae.subtractDecoderBias) tensors.push({ name: 'inputBias', width: 'row' });
  return [...tensors, norms];
}

function numbersOf({ width }: Tensor, sae: SaeDescription, features: number): number {
  return width === 'row' ? sae.inputWidth : width * features;
}

function contentBytes(sae: SaeDescription, section: SectionName, features: number): number {
  return tensorsOf(sae, section).reduce((sum, tensor) => sum + 4 * numbersOf(tensor, sae, features), 0);
}

/** The sections of a block. */
export function encodePrepared(sae: SaeDescription, block: SaeBlock): Uint8Array[][] {
  return (['encoder', 'decoder'] as const).map((section) =>
    tensorsOf(sae, section).map(({ name }) => {
      const values = block[name]!;
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }),
  );
}

/** Reads what the encoder of a block needs. @throws WorkDamaged where the block must be prepared again */
export async function readEncoderBlock(
  store: ObjectStore,
  run: VisualizeRun,
  block: number,
  signal: AbortSignal,
): Promise<EncoderBlock> {
  return (await readTensors(store, run, block, 'encoder', signal)) as EncoderBlock;
}

/** Reads the decoder rows of a block. @throws WorkDamaged where the block must be prepared again */
export async function readDecoderBlock(
  store: ObjectStore,
  run: VisualizeRun,
  block: number,
  signal: AbortSignal,
): Promise<DecoderBlock> {
  return (await readTensors(store, run, block, 'decoder', signal)) as DecoderBlock;
}

async function readTensors(
  store: ObjectStore,
  run: VisualizeRun,
  task: number,
  section: SectionName,
  signal: AbortSignal,
): Promise<FeatureRange & Partial<Record<TensorName, Float32Array>>> {
  const { from, to } = run.blocks[task]!;
  const { sae } = run.layout;
  const name = { pass: passes.prepare, task, section: blockSections[section] };
  const offset = section === 'encoder' ? 0 : sectionBytes(contentBytes(sae, 'encoder', to - from));
  const content = await readSection(store, run, name, offset, contentBytes(sae, section, to - from), signal);
  let at = content.byteOffset;
  const tensors: Partial<Record<TensorName, Float32Array>> = {};
  for (const tensor of tensorsOf(sae, section)) {
    const numbers = numbersOf(tensor, sae, to - from);
    tensors[tensor.name] = new Float32Array(content.buffer, at, numbers);
    at += 4 * numbers;
  }
  return { from, to, ...tensors };
}

/** The features [from, to) of an encoder block that holds them; views. */
export function partOfEncoder(block: EncoderBlock, { from, to }: FeatureRange, sae: SaeDescription): EncoderBlock {
  const part: Partial<Record<TensorName, Float32Array>> = {};
  for (const { name, width } of tensorsOf(sae, 'encoder')) {
    const values = (block as SaeBlock)[name]!;
    const cut = (feature: number): number => (feature - block.from) * Number(width);
    part[name] = width === 'row' ? values : values.subarray(cut(from), cut(to));
  }
  return { from, to, ...part } as EncoderBlock;
}
