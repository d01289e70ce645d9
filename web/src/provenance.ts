import type { RunDescription } from '../../src/pages/run.js';
import { byteSize, grouped } from './text/numbers.js';

/** A line of the provenance panel. */
export interface Fact {
  readonly name: string;
  readonly values: readonly string[];
  /** Whether the values are names of contents: digests, ETags. */
  readonly code?: boolean;
}

/** So many shards are listed one by one. */
const listedShards = 4;

/** What people ask of a run before they believe its pages. `provenance` is free in form: what is not there is left out. */
export function provenanceFacts(run: RunDescription): Fact[] {
  const { provenance, features } = run;
  const { sae, settings, unembedding, tokenizer, labels, units, layout, compute } = provenance;
  const norms: Record<string, string> = {
    raw: 'raw: the SAE’s own units; decoder norms are not folded in',
    decoder_norm: 'scaled by decoder norms',
  };
  const facts: (Fact | undefined)[] = [
    fact('Tokens counted', `${grouped(run.tokens)} of ${grouped(run.rows)}`),
    fact(
      'Tokens excluded',
      run.excluded === 0 ? 'none' : grouped(run.excluded),
      ...exclusions(field(settings, 'exclude')),
    ),
    fact(
      'Features',
      `${grouped(features.count)} of ${grouped(features.of)}: ${grouped(features.alive)} alive, ` +
        `${grouped(features.dense)} dense, ${grouped(features.dead)} dead`,
    ),
    fact('Units', norms[text(units) ?? ''] ?? text(units)),
    fact('Seed', text(field(settings, 'seed'))),
    fact('Model', modelName(run), text(field(field(sae, 'metadata'), 'hook_name'))),
    fact('SAE', [text(field(sae, 'format')), text(field(sae, 'architecture'))].filter(Boolean).join(', ')),
    code('SAE files', ...list(field(sae, 'objects')).map(objectText)),
    code('Activations', ...shardTexts(provenance['activations'])),
    code('Tokens', ...shardTexts(provenance['tokens'])),
    code('Tokenizer', objectText(tokenizer)),
    code('Unembedding', objectText(unembedding)),
    code('Labels', objectText(labels)),
    code('Inputs and settings', text(layout) && `SHA-256 ${text(layout)}`),
    code('Pages', `SHA-256 ${run.pages.digest}`),
    fact('Computed on', text(compute)),
    fact('Made by', `riffle ${run.riffle}`),
  ];
  return facts.filter((entry) => entry !== undefined);
}

/** The model whose activations these are, as the SAE's metadata say; empty where they do not. */
export function modelName({ provenance }: RunDescription): string {
  return text(field(field(provenance['sae'], 'metadata'), 'model_name')) ?? '';
}

/** `examples` of the run's settings, as far as pages are read by them. */
export interface ExampleSettings {
  /** Most of the strongest examples. */
  readonly top: number;
  /** Most firing tokens in the sample. */
  readonly sample: number;
  /** What a group shows one example of: "context", "document" or "none". */
  readonly distinct: string;
}

export function exampleSettings({ provenance }: RunDescription): ExampleSettings {
  const examples = field(provenance['settings'], 'examples');
  return {
    top: Number(field(examples, 'top') ?? 20),
    sample: Number(field(examples, 'random') ?? 200),
    distinct: text(field(examples, 'distinct')) ?? 'none',
  };
}

/** The command that prints a feature's page. @param run `s3://…`; empty where it is not known */
export function featureCommand(run: string, feature: number | undefined): string {
  return `riffle feature ${quoted(run || 's3://BUCKET/PREFIX')} ${feature ?? 0}`;
}

/** As a POSIX shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function fact(name: string, ...values: (string | undefined)[]): Fact | undefined {
  const present = values.filter((value) => value !== undefined && value !== '') as string[];
  return present.length > 0 ? { name, values: present } : undefined;
}

function code(name: string, ...values: (string | undefined)[]): Fact | undefined {
  const found = fact(name, ...values);
  return found && { ...found, code: true };
}

function exclusions(exclude: unknown): string[] {
  const [positions, tokens, normAbove] = ['positions', 'tokens', 'normAbove'].map((name) => field(exclude, name));
  return [
    list(positions).length > 0 ? `positions ${list(positions).join(', ')}` : '',
    typeof tokens === 'string'
      ? `${tokens} tokens`
      : list(tokens).length > 0
        ? `tokens ${list(tokens).join(', ')}`
        : '',
    typeof normAbove === 'number' ? `norms above ${normAbove}` : '',
  ].filter(Boolean);
}

function shardTexts(shards: unknown): string[] {
  const all = list(shards);
  const more = all.length - listedShards;
  return [
    ...all.slice(0, listedShards).map((shard) => objectText(shard)!),
    ...(more > 0 ? [`and ${grouped(more)} more`] : []),
  ];
}

function objectText(object: unknown): string | undefined {
  if (object === null || object === undefined) return undefined;
  const [key, etag, bytes] = ['key', 'etag', 'bytes'].map((name) => field(object, name));
  const parts = [
    text(key),
    typeof bytes === 'number' ? byteSize(bytes) : undefined,
    text(etag) && `ETag ${text(etag)}`,
  ];
  return parts.filter(Boolean).join('  ');
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
