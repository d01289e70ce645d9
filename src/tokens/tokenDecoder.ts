import { ByteLevelDecoder, MetaspaceDecoder, ReplaceDecoder } from '@huggingface/tokenizers';
import type { Decoder } from '@huggingface/tokenizers';
import { z } from 'zod';
import { TokenizerUnsupported } from '../errors.js';
import { quoted } from '../formats/shardHeader.js';

/** How a tokenizer makes text of the tokens of its vocabulary. */
export interface TokenDecoder {
  /** The bytes of the text that a token of the vocabulary stands for; they need not be whole characters. */
  bytesOf(token: string): Uint8Array;
  /** Whether added tokens that are not special are written like those of the vocabulary. */
  readonly decodesAddedTokens: boolean;
}

/** A decoder of tokenizer.json: what riffle looks at. */
type Stage = z.infer<typeof stageSchema>;

const stageSchema = z.looseObject({ type: z.string() });
const sequenceSchema = z.object({ decoders: z.array(z.unknown()) });
const metaspaceSchema = z.object({ replacement: z.string().min(1).default('▁') });
const replaceSchema = z.object({ pattern: z.object({ String: z.string().min(1) }), content: z.string() });

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;

const utf8 = new TextEncoder();

/**
 * The decoder that tokenizer.json describes. The library's decoders give text, in which incomplete characters are
 * U+FFFD, and only of whole sequences. So they serve here for single tokens: the byte table of ByteLevel, and the
 * replacements of the others.
 * @param config the member `decoder` of tokenizer.json
 * @param where what is read, for messages
 * @throws TokenizerUnsupported that names the decoder, or the option of it, that riffle does not know
 */
export function tokenDecoder(config: unknown, where: string): TokenDecoder {
  const stages = [...stagesOf(config, where)];
  const [first, ...others] = stages;
  if (first?.type === 'ByteLevel' && others.length === 0) return byteLevelDecoder();
  checkOrder(stages, where);
  const replacements = stages.map((stage) => replacementOf(stage, where)).filter((stage) => stage !== undefined);
  const byteFallback = stages.some(({ type }) => type === 'ByteFallback');
  return {
    decodesAddedTokens: true,
    bytesOf: (token) => {
      const byte = byteFallback && byteToken.exec(token);
      if (byte) return Uint8Array.of(Number.parseInt(byte[1]!, 16));
      // Not first: the first token of a text loses its space.
      return utf8.encode(replacements.reduce((text, decoder) => decoder.decode_chain(['', text])[1]!, token));
    },
  };
}

/** One character a byte; a token with any other character is text as it is. */
function byteLevelDecoder(): TokenDecoder {
  const table = new Map(Object.entries(new ByteLevelDecoder({ type: 'ByteLevel' }).byte_decoder));
  return {
    decodesAddedTokens: false,
    bytesOf: (token) => {
      const bytes: number[] = [];
      for (const character of token) {
        const byte = table.get(character);
        if (byte === undefined) return utf8.encode(token);
        bytes.push(Number(byte));
      }
      return Uint8Array.from(bytes);
    },
  };
}

function* stagesOf(config: unknown, where: string): Generator<Stage, void> {
  const stage = stageSchema.safeParse(config);
  if (!stage.success) throw unsupported(where, 'no decoder');
  if (stage.data.type !== 'Sequence') {
    yield stage.data;
    return;
  }
  const sequence = sequenceSchema.safeParse(config);
  if (!sequence.success) throw unsupported(where, 'a Sequence without a list of decoders');
  for (const member of sequence.data.decoders) yield* stagesOf(member, where);
}

/** What comes before Fuse works on single tokens, Strip after it on the two ends of the whole text alone. */
function checkOrder(stages: readonly Stage[], where: string): void {
  let fused = false;
  for (const { type } of stages) {
    if (type === 'Fuse') fused = true;
    else if (type === 'Strip' && !fused) throw unsupported(where, 'Strip on single tokens');
    else if (type !== 'Strip' && fused) throw unsupported(where, `${quoted(type)} after Fuse`);
  }
}

function replacementOf(stage: Stage, where: string): Decoder | undefined {
  switch (stage.type) {
    case 'ByteFallback':
    case 'Fuse':
    case 'Strip':
      return undefined;
    case 'Metaspace': {
      const { data } = metaspaceSchema.safeParse(stage);
      if (!data) throw unsupported(where, 'Metaspace whose replacement is no text');
      return new MetaspaceDecoder({ type: 'Metaspace', ...data });
    }
    case 'Replace': {
      const { data } = replaceSchema.safeParse(stage);
      if (!data) throw unsupported(where, 'Replace with another pattern than {"String": …}');
      // JavaScript gives $ a meaning in replacements, the format none.
      return new ReplaceDecoder({
        type: 'Replace',
        pattern: data.pattern,
        content: data.content.replaceAll('$', '$$$$'),
      });
    }
    default:
      throw unsupported(
        where,
        stage.type === 'ByteLevel' ? 'ByteLevel among other decoders' : `the decoder ${quoted(stage.type)}`,
      );
  }
}

function unsupported(where: string, decoder: string): TokenizerUnsupported {
  return new TokenizerUnsupported(
    `${where} has ${decoder}. riffle shows the text of ByteLevel, Metaspace and ByteFallback tokenizers: give the ` +
      "tokenizer.json of the model's fast tokenizer, if it is another file than this one.",
    { where, decoder },
  );
}
