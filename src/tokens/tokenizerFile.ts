import { z } from 'zod';
import { TokenizerInvalid } from '../errors.js';
import { parseBoundedJson } from '../formats/boundedJson.js';
import { quoted } from '../formats/shardHeader.js';

/** What riffle takes from a tokenizer.json. */
export interface TokenizerFile {
  /** Tokens of the model's vocabulary by id, as the file writes them; there may be holes. */
  readonly vocabulary: readonly (string | undefined)[];
  /** By id. They come before the vocabulary. */
  readonly addedTokens: ReadonlyMap<number, AddedToken>;
  /** Unchecked. */
  readonly decoder: unknown;
}

export interface AddedToken {
  readonly content: string;
  readonly special: boolean;
}

/** Four times the largest tokenizer.json that is in wide use. */
export const maxTokenizerBytes = 128 * 1024 * 1024;

const limits = { depth: 64, values: 10_000_000 };

/** Ids below this: an array of so many holes does no harm. */
const maxIds = 2 ** 22;

const id = z
  .int()
  .min(0)
  .max(maxIds - 1);

const fileSchema = z.object({
  model: z.object({ vocab: z.unknown() }),
  added_tokens: z.array(z.object({ id, content: z.string(), special: z.boolean().default(false) })).default([]),
  decoder: z.unknown(),
});

/**
 * Reads a tokenizer.json of Hugging Face's fast tokenizers, as untrusted.
 * @param where what is read, for messages
 * @throws TokenizerInvalid
 */
export function parseTokenizerFile(bytes: Uint8Array, where: string): TokenizerFile {
  const parsed = fileSchema.safeParse(parseJson(bytes, where));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(where, `${issue?.path.join('.') || 'the whole'} is not what it should be (${issue?.message})`);
  }
  const { model, added_tokens: added, decoder } = parsed.data;
  const addedTokens = new Map<number, AddedToken>();
  for (const token of added) {
    if (addedTokens.has(token.id)) throw invalid(where, `two added tokens have the id ${token.id}`);
    checkText(token.content, where);
    addedTokens.set(token.id, token);
  }
  const vocabulary = parseVocabulary(model.vocab, where);
  if (vocabulary.length === 0 && addedTokens.size === 0) throw invalid(where, 'its vocabulary is empty');
  return { vocabulary, addedTokens, decoder };
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  if (bytes.length > maxTokenizerBytes) {
    throw invalid(where, `it has ${bytes.length} bytes, and riffle reads at most ${maxTokenizerBytes}`);
  }
  try {
    return parseBoundedJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), limits);
  } catch (error) {
    throw invalid(where, `it is not JSON (${(error as Error).message})`, error);
  }
}

/** Tokens by id, of `{token: id}` (BPE, WordLevel) or `[[token, score]]` (Unigram). */
function parseVocabulary(vocab: unknown, where: string): (string | undefined)[] {
  const tokens: (string | undefined)[] = [];
  for (const [token, index] of entriesOf(vocab, where)) {
    if (typeof token !== 'string') throw invalid(where, `item ${String(index)} of its vocabulary has no text`);
    checkText(token, where);
    const parsed = id.safeParse(index);
    if (!parsed.success) {
      throw invalid(where, `the id of token ${quoted(token)} is not a whole number from 0 to ${maxIds - 1}`);
    }
    const other = tokens[parsed.data];
    if (other !== undefined) {
      throw invalid(where, `tokens ${quoted(other)} and ${quoted(token)} have one id, ${parsed.data}`);
    }
    tokens[parsed.data] = token;
  }
  return tokens;
}

function entriesOf(vocab: unknown, where: string): (readonly [token: unknown, id: unknown])[] {
  if (Array.isArray(vocab)) {
    return vocab.map((item: unknown, index) => [Array.isArray(item) ? (item[0] as unknown) : undefined, index]);
  }
  if (typeof vocab === 'object' && vocab !== null) return Object.entries(vocab);
  throw invalid(where, 'model.vocab is neither an object of ids nor a list of tokens');
}

function checkText(token: string, where: string): void {
  if (/\p{Surrogate}/u.test(token)) throw invalid(where, `the token ${quoted(token)} is not valid Unicode`);
}

function invalid(where: string, what: string, cause?: unknown): TokenizerInvalid {
  return new TokenizerInvalid(
    `${where} cannot be used: ${what}. Give the tokenizer.json that Hugging Face's fast tokenizers save.`,
    { where },
    { cause },
  );
}
