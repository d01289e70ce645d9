/**
 * Token text. The goldens are those of goldens.py: ids by the Python library, per-token text by Python's UTF-8 decoder.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { openTokenizer } from '../../src/tokens/tokenizer.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

interface Golden {
  readonly size: number;
  readonly special: readonly number[];
  readonly specialTexts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly ids: readonly number[];
    readonly tokens: readonly string[];
    readonly decoded: string;
    readonly window?: { readonly first: number; readonly end: number; readonly tokens: readonly string[] };
  }[];
}

const files = {
  ByteLevel: '../../examples/tokenizer.json',
  Metaspace: './metaspace.json',
  ByteFallback: './byteFallback.json',
};

const goldens = JSON.parse(read('./goldens.json').toString()) as Record<keyof typeof files, Golden>;

function read(path: string): Buffer {
  return readFileSync(new URL(path, import.meta.url));
}

for (const kind of Object.keys(files) as (keyof typeof files)[]) {
  describe(`token text of a ${kind} tokenizer`, () => {
    const golden = goldens[kind];
    let tokenizer: Tokenizer;

    before(() => {
      tokenizer = openTokenizer(read(files[kind]), files[kind]);
    });

    it('has the vocabulary and the special tokens of the file', () => {
      assert.equal(tokenizer.size, golden.size);
      assert.deepEqual(
        [...tokenizer.specialIds].sort((a, b) => a - b),
        golden.special,
      );
      assert.deepEqual(tokenizer.texts(golden.special), golden.specialTexts);
      assert.deepEqual(
        [-1, 0, 0.5, golden.size - 1, golden.size].map((id) => tokenizer.has(id)),
        [false, true, false, true, false],
      );
    });

    it('shows texts in 44 scripts, emoji, marks, two directions and oddities, token by token', () => {
      assert.equal(golden.cases.length, 59);
      for (const { name, ids, tokens, decoded, window } of golden.cases) {
        assert.deepEqual({ name, tokens: tokenizer.texts(ids) }, { name, tokens });
        // Metaspace and Strip take the first space of a whole text away: it is what the tokenizer put before it.
        const leading = kind === 'ByteLevel' || ids.length === 0 ? '' : ' ';
        assert.equal(tokenizer.texts(ids).join(''), leading + decoded, name);
        if (!window) continue;
        const shown = tokenizer.texts(ids.slice(window.first, window.end));
        assert.deepEqual({ name, window: shown }, { name, window: window.tokens });
      }
    });

    it('shows any ids as the text of all their bytes, each character at the token where it begins', () => {
      const anyIds = fc.array(
        fc.oneof(
          fc.nat(golden.size - 1),
          // Incomplete characters are rare among all tokens.
          fc.constantFrom(...golden.cases.flatMap(({ ids }) => ids)),
        ),
        { maxLength: 40 },
      );
      let whole = 0;
      fc.assert(
        fc.property(anyIds, (ids) => {
          const texts = tokenizer.texts(ids);
          assert.equal(texts.length, ids.length);
          const pieces = ids.map((id) => tokenizer.bytesOf(id));
          const bytes = Buffer.concat(pieces);
          if (isUtf8(bytes)) {
            whole++;
            assert.equal(texts.join(''), bytes.toString('utf8'));
          }
          // Each token starts no earlier than its bytes, and later only inside a character.
          let shown = 0;
          let before = 0;
          for (const [i, text] of texts.entries()) {
            assert.ok(shown >= before && shown < before + 4);
            shown += Buffer.byteLength(unescaped(text), 'latin1');
            before += pieces[i]!.length;
          }
          assert.equal(shown, bytes.length);
        }),
        { seed: 1, numRuns: 500 },
      );
      assert.ok(whole > 50);
    });

    it('shows one token as a window of one', () => {
      for (let id = 0; id < golden.size; id += kind === 'ByteLevel' ? 7 : 1) {
        assert.deepEqual([tokenizer.textOf(id)], tokenizer.texts([id]));
      }
    });

    it('refuses ids that are not in the vocabulary', () => {
      for (const act of [
        () => tokenizer.texts([0, golden.size]),
        () => tokenizer.textOf(-1),
        () => tokenizer.bytesOf(1.5),
      ]) {
        assert.throws(act, { code: 'TokenUnknown', message: new RegExp(`no token (${golden.size}|-1|1\\.5)`) });
      }
    });
  });
}

/** The bytes that a text shows, as latin1. No vocabulary here has a token of the form `\xhh` itself. */
function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|([^\\]+|\\)/g, (_, hex: string | undefined, plain: string) =>
    hex === undefined ? Buffer.from(plain).toString('latin1') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** A tokenizer.json with this decoder and vocabulary. */
function file(decoder: unknown, vocab: unknown = { a: 0 }, more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ model: { type: 'BPE', vocab }, added_tokens: [], decoder, ...more }));
}

const llama = {
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ],
};

describe('token text at the edges', () => {
  it('cuts ill-formed bytes as UTF-8 does: overlong forms, surrogates and code points beyond the last are none', () => {
    const bytes = [
      0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xf5, 0xe2, 0x82, 0xf0, 0x9f, 0x98, 0x80, 0x41,
    ];
    const tokenizer = openTokenizer(
      file(llama, Object.fromEntries([...new Set(bytes)].map((byte) => [`<0x${byte.toString(16)}>`, byte]))),
      'bytes',
    );
    assert.deepEqual(tokenizer.texts(bytes), [
      ...bytes.slice(0, 12).map((byte) => `\\x${byte.toString(16)}`),
      '😀',
      '',
      '',
      '',
      'A',
    ]);
  });

  it('keeps a character together over tokens of no text, and apart over special tokens', () => {
    const added = [
      { id: 2, content: '', special: false },
      { id: 3, content: '<s>', special: true },
    ];
    const tokenizer = openTokenizer(file(llama, { '<0xC3>': 0, '<0xA9>': 1 }, { added_tokens: added }), 'x');
    assert.deepEqual(tokenizer.texts([0, 2, 1]), ['é', '', '']);
    assert.deepEqual(tokenizer.texts([0, 3, 1]), ['\\xc3', '<s>', '\\xa9']);
    assert.equal(tokenizer.textOf(2), '');
  });

  it('writes special tokens as they are, other added tokens as their decoder does', () => {
    const added = [
      { id: 1, content: '<▁>', special: true },
      { id: 2, content: '▁▁', special: false },
    ];
    const texts = (decoder: unknown): string[] =>
      openTokenizer(file(decoder, { '▁a': 0 }, { added_tokens: added }), 'x').texts([0, 1, 2]);
    assert.deepEqual(texts(llama), [' a', '<▁>', '  ']);
    assert.deepEqual(texts({ type: 'Metaspace', replacement: '▁' }), [' a', '<▁>', '  ']);
    // A token with a character that stands for no byte is text as it is.
    assert.deepEqual(texts({ type: 'ByteLevel' }), ['▁a', '<▁>', '▁▁']);
    const literal = [{ id: 1, content: 'é', special: false }];
    assert.deepEqual(
      openTokenizer(file({ type: 'ByteLevel' }, { 'Ã©': 0 }, { added_tokens: literal }), 'x').texts([0, 1]),
      ['é', 'é'],
    );
  });

  it('takes replacements to the letter', () => {
    const decoder = { type: 'Replace', pattern: { String: '.*' }, content: '$&$1$$' };
    assert.equal(openTokenizer(file(decoder, { 'a.*b': 0 }), 'x').textOf(0), 'a$&$1$$b');
    // Byte tokens are text where no ByteFallback decodes them.
    const metaspace = { type: 'Metaspace', replacement: '_' };
    assert.equal(openTokenizer(file(metaspace, { '<0x41>': 0 }), 'x').textOf(0), '<0x41>');
    assert.equal(openTokenizer(file(metaspace, { '_a_▁': 0 }), 'x').textOf(0), ' a ▁');
  });

  it('reads Unigram vocabularies, names that objects inherit, and holes', () => {
    const unigram = openTokenizer(file(llama, [['<unk>', 0] as const, ['▁x', -1.5] as const]), 'x');
    assert.deepEqual(unigram.texts([0, 1]), ['<unk>', ' x']);
    const holes = openTokenizer(
      Buffer.from('{"model":{"vocab":{"__proto__":5,"constructor":2}},"decoder":{"type":"ByteLevel"}}'),
      'x',
    );
    assert.equal(holes.size, 6);
    assert.deepEqual(
      [0, 2, 5].map((id) => (holes.has(id) ? holes.textOf(id) : undefined)),
      [undefined, 'constructor', '__proto__'],
    );
  });
});

describe('a tokenizer.json that riffle refuses', () => {
  const refused: Record<string, [decoder: unknown, named: RegExp]> = {
    WordPiece: [{ type: 'WordPiece', prefix: '##', cleanup: true }, /"WordPiece"/],
    BPEDecoder: [{ type: 'BPEDecoder', suffix: '</w>' }, /"BPEDecoder"/],
    CTC: [{ type: 'CTC' }, /"CTC"/],
    'no decoder': [null, /no decoder/],
    'a decoder inside a sequence': [
      { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'CTC' }] },
      /"CTC"/,
    ],
    'ByteLevel and more': [
      { type: 'Sequence', decoders: [{ type: 'ByteLevel' }, { type: 'Fuse' }] },
      /ByteLevel among/,
    ],
    'a regular expression': [
      { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' },
      /Replace with another pattern/,
    ],
    'Strip of single tokens': [{ type: 'Strip', content: ' ', start: 1, stop: 0 }, /Strip on single tokens/],
    'Metaspace of the whole text': [
      { type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'Metaspace', replacement: '▁' }] },
      /"Metaspace" after Fuse/,
    ],
    'an empty replacement': [{ type: 'Metaspace', replacement: '' }, /replacement/],
    'a sequence of nothing named': [{ type: 'Sequence' }, /Sequence without/],
  };
  for (const [name, [decoder, message]] of Object.entries(refused)) {
    it(`by its decoder: ${name}`, () => {
      assert.throws(() => openTokenizer(file(decoder), 's3://b/tokenizer.json'), {
        code: 'TokenizerUnsupported',
        message,
      });
    });
  }

  const byteLevel = { type: 'ByteLevel' };
  const invalid: Record<string, [bytes: Uint8Array, named: RegExp]> = {
    'no JSON': [Buffer.from('{"model":'), /not JSON/],
    'no UTF-8': [Buffer.from([0x22, 0xff, 0x22]), /not JSON/],
    'no object': [Buffer.from('[]'), /the whole/],
    'no model': [Buffer.from('{}'), /model/],
    'nested without end': [Buffer.from('['.repeat(100_000)), /nested deeper/],
    'too many values': [Buffer.from(`[${'0,'.repeat(10_000_001)}0]`), /more than 10000000 values/],
    'a vocabulary of numbers': [file(byteLevel, 7), /model\.vocab/],
    'an empty vocabulary': [file(byteLevel, {}), /empty/],
    'an id that is text': [file(byteLevel, { a: '0' }), /id of token "a"/],
    'an id below zero': [file(byteLevel, { a: -1 }), /id of token "a"/],
    'an id that would make a huge table': [file(byteLevel, { a: 2 ** 31 }), /id of token "a"/],
    'two tokens of one id': [file(byteLevel, { a: 0, b: 0 }), /"a" and "b" have one id, 0/],
    'half a surrogate pair': [file(byteLevel, { '\ud800': 0 }), /not valid Unicode/],
    'a Unigram item without text': [
      file(byteLevel, [
        ['a', 0],
        [1, 0],
      ]),
      /item 1/,
    ],
    'two added tokens of one id': [
      file(byteLevel, { a: 0 }, { added_tokens: [1, 2].map((n) => ({ id: 1, content: `${n}` })) }),
      /two added tokens have the id 1/,
    ],
    'an added token without text': [
      file(byteLevel, { a: 0 }, { added_tokens: [{ id: 1 }] }),
      /added_tokens\.0\.content/,
    ],
  };
  for (const [name, [bytes, message]] of Object.entries(invalid)) {
    it(`as invalid: ${name}`, () => {
      assert.throws(() => openTokenizer(bytes, 's3://b/tokenizer.json'), { code: 'TokenizerInvalid', message });
    });
  }

  it('as too large, before it is looked at', () => {
    const size = 128 * 1024 * 1024 + 1;
    assert.throws(() => openTokenizer({ length: size } as Uint8Array, 'x'), {
      code: 'TokenizerInvalid',
      message: new RegExp(`${size} bytes`),
    });
  });
});
