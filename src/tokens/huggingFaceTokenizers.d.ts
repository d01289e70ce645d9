// The library's own declarations import each other without file extensions, which Node's module resolution does not
// find. These are the parts that riffle uses.
declare module '@huggingface/tokenizers' {
  interface Decoder {
    /** The text of each token of a sequence. */
    decode_chain(tokens: readonly string[]): string[];
  }

  export const MetaspaceDecoder: new (config: { type: 'Metaspace'; replacement: string }) => Decoder;

  export const ReplaceDecoder: new (config: {
    type: 'Replace';
    pattern: { String: string };
    content: string;
  }) => Decoder;

  export const ByteLevelDecoder: new (config: { type: 'ByteLevel' }) => Decoder & {
    /** The byte, in decimal digits, of each character that stands for one. */
    readonly byte_decoder: Readonly<Record<string, string>>;
  };

  export type { Decoder };
}
