import type { Dataset } from '../formats/dataset.js';
import { canonicalJson, jsonDigest } from '../json.js';
import type { Json } from '../json.js';
import type { SaeDescription } from '../sae/sae.js';
import type { VisualizeInput } from './input.js';

export const algorithm = 'riffle-visualize/1';

/** What pages say, and how they are packed: the input without places and resources, all defaults filled in. */
export type Settings = Pick<
  VisualizeInput,
  'columns' | 'seed' | 'features' | 'window' | 'exclude' | 'nonFinite' | 'logits' | 'neighbours' | 'featuresPerPack'
> & {
  readonly examples: Required<VisualizeInput['examples']>;
};

/** An object as it was when the run was planned. */
export interface SourceObject {
  readonly bytes: number;
  readonly etag: string;
}

/** All that the bytes of a run's pages depend on. */
export interface Layout {
  readonly algorithm: typeof algorithm;
  readonly settings: Settings;
  /** The shards of the activations, and of the tokens where those are another dataset. */
  readonly activations: readonly SourceShard[];
  readonly tokens?: readonly SourceShard[];
  readonly sae: SaeDescription;
  /** Factor on the SAE's input that the user gave. */
  readonly inputScale?: number;
  readonly tokenizer: SourceObject;
  readonly unembedding?: SourceObject;
  readonly labels?: SourceObject;
}

export interface SourceShard extends SourceObject {
  readonly key: string;
  readonly rows: number;
}

export function shardsOf({ shards }: Dataset): SourceShard[] {
  return shards.map(({ key, rows, bytes, etag }) => ({ key, rows, bytes, etag }));
}

export function layoutDigest(layout: Layout): string {
  return jsonDigest(layout as unknown as Json);
}

/** What differs between two layouts, for people; undefined where nothing does. */
export function layoutDifference(stored: Layout, wanted: Layout): string | undefined {
  for (const name of ['algorithm', 'inputScale'] as const) {
    if (stored[name] !== wanted[name]) return `${name} is ${stored[name]} there and ${wanted[name]} now`;
  }
  for (const name of Object.keys(wanted.settings) as (keyof Settings)[]) {
    const [there, here] = [stored.settings[name], wanted.settings[name]].map((value) => canonicalJson(value as Json));
    if (there !== here) return `${name} is ${there} there and ${here} now`;
  }
  for (const name of ['activations', 'tokens', 'sae', 'tokenizer', 'unembedding', 'labels'] as const) {
    if (digestOf(stored[name]) !== digestOf(wanted[name])) return `${name} is not the same object, or was replaced`;
  }
  return undefined;
}

function digestOf(value: unknown): string {
  return jsonDigest((value ?? null) as Json);
}
