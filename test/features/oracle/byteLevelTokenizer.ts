import type { Tokenizer } from './shapes.js';

/** The parts of a Hugging Face tokenizer.json that say what bytes a token of a byte-level BPE stands for. */
interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: Record<string, number> };
}

export function readByteLevelTokenizer(json: unknown): Tokenizer {
  const { added_tokens: added, model } = json as TokenizerJson;
  const bytes = new Map(Object.entries(model.vocab).map(([letters, id]) => [id, bytesOfLetters(letters)]));
  for (const { id, content } of added) bytes.set(id, Buffer.from(content, 'utf8'));
  return {
    bytesOf: (id) => bytes.get(id) ?? unknownToken(id),
    special: added.filter(({ special }) => special).map(({ id }) => id),
  };
}

/** A tokenizer.json whose token i has the bytes `tokens[i]`; those that `special` holds are added special tokens. */
export function writeByteLevelTokenizer(tokens: readonly Uint8Array[], special: readonly number[]): unknown {
  const byLetters = tokens.map((bytes, id): [string, number] => {
    return special.includes(id) ? [Buffer.from(bytes).toString('utf8'), id] : [lettersOfBytes(bytes), id];
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((id) => ({
      id,
      content: Buffer.from(tokens[id]!).toString('utf8'),
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byLetters),
      merges: [],
    },
  };
}

/**
 * GPT-2's letter for each byte: the printable characters of Latin-1 stand for themselves, the other bytes in their order
 * for U+0100 and up.
 */
const letters = Array.from({ length: 256 }, (_, byte) => byte).map((byte) => String.fromCodePoint(byte));
const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
letters
  .map((_, byte) => byte)
  .filter((byte) => !isPrintable(byte))
  .forEach((byte, index) => (letters[byte] = String.fromCodePoint(0x100 + index)));

function lettersOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => letters[byte]!).join('');
}

function bytesOfLetters(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letters.indexOf(letter));
}

function unknownToken(id: number): never {
  throw new Error(`the tokenizer has no token ${id}`);
}
