import { isUtf8 } from 'node:buffer';
import { TokenUnknown } from '../errors.js';
import { textsOfBytes } from './characters.js';
import { tokenDecoder, type TokenDecoder } from './tokenDecoder.js';
import { parseTokenizerFile, type TokenizerFile } from './tokenizerFile.js';

/**
 * Reads a tokenizer.json, which may be hostile.
 * @param where what is read, for messages: the object's URI
 * @throws TokenizerInvalid for another file; TokenizerUnsupported for a decoder other than ByteLevel, Metaspace and
 *   ByteFallback, which it names
 */
export function openTokenizer(bytes: Uint8Array, where: string): Tokenizer {
  const file = parseTokenizerFile(bytes, where);
  return new Tokenizer(file, tokenDecoder(file.decoder, where), where);
}

const utf8 = new TextEncoder();

/** Makes text of token ids. The rules stand in docs/formats.md, "Token text". */
export class Tokenizer {
  /** The largest id and one: every id of the vocabulary is below it, and below it there may be holes. */
  readonly size: number;
  /** Ids of the special tokens. */
  readonly specialIds: ReadonlySet<number>;
  /** Text of each token that is whole characters, and null for the others; filled as they are asked for. */
  private readonly wholeTexts: (string | null | undefined)[] = [];

  constructor(
    private readonly file: TokenizerFile,
    private readonly decoder: TokenDecoder,
    private readonly where: string,
  ) {
    const { vocabulary, addedTokens } = file;
    this.size = [...addedTokens.keys()].reduce((size, id) => Math.max(size, id + 1), vocabulary.length);
    this.specialIds = new Set([...addedTokens].filter(([, { special }]) => special).map(([id]) => id));
  }

  /** Whether the vocabulary has this id; unembeddings are often padded beyond it. */
  has(id: number): boolean {
    return this.file.addedTokens.has(id) || this.file.vocabulary[id] !== undefined;
  }

  /** The UTF-8 bytes that a token stands for, which need not be whole characters. @throws TokenUnknown */
  bytesOf(id: number): Uint8Array {
    const added = this.file.addedTokens.get(id);
    const token = added?.content ?? this.file.vocabulary[id];
    if (token === undefined) {
      throw new TokenUnknown(
        `The vocabulary of ${this.where} (${this.size} ids) has no token ${id}: this is not the tokenizer that made ` +
          'the ids.',
        { tokenizer: this.where, id },
      );
    }
    const literal = added !== undefined && (added.special || !this.decoder.decodesAddedTokens);
    return literal ? utf8.encode(token) : this.decoder.bytesOf(token);
  }

  /** The text of one token by itself. @throws TokenUnknown */
  textOf(id: number): string {
    return this.wholeText(id) ?? textsOfBytes([this.bytesOf(id)])[0]!;
  }

  /** The text of consecutive tokens, one string a token: together they are the text of all. @throws TokenUnknown */
  texts(ids: Iterable<number>): string[] {
    const texts: string[] = [];
    let broken: Uint8Array[] = [];
    const mend = (): void => {
      texts.push(...textsOfBytes(broken));
      broken = [];
    };
    for (const id of ids) {
      const text = this.wholeText(id);
      if (text === null) {
        broken.push(this.bytesOf(id));
        continue;
      }
      if (broken.length > 0) mend();
      texts.push(text);
    }
    mend();
    return texts;
  }

  /** The text of a token that neither begins nor ends inside a character; null for others and those without bytes. */
  private wholeText(id: number): string | null {
    let text = this.wholeTexts[id];
    if (text === undefined) {
      const bytes = this.bytesOf(id);
      text = bytes.length > 0 && isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : null;
      this.wholeTexts[id] = text;
    }
    return text;
  }
}
