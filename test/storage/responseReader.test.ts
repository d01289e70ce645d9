/**
 * HTTP answers, cut into any pieces: the same result as in one piece, or BrokenAnswer, and never a byte outside of the
 * memory that was given. Connections are the subject of receivingHandler.test.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ResponseReader, type ResponseHead } from '../../src/storage/responseReader.js';
import { BrokenAnswer } from '../../src/storage/s3Faults.js';

interface Result {
  readonly head: ResponseHead;
  readonly body: string;
  readonly reusable: boolean;
}

/** Where the body goes: memory for so many bytes, or a message. */
type Place = number | 'message';

const canary = 0xa5;

/**
 * Lets an answer arrive in pieces that end at `cuts`, and then ends the connection. Pieces go into the reader's room where
 * it has some, as from a kernel that reads into it, or they are pushed.
 */
function read(answer: Uint8Array, cuts: readonly number[], place: Place): Result {
  const length = place === 'message' ? 0 : place;
  const memory = Buffer.alloc(length + 64, canary);
  const target = memory.subarray(32, 32 + length);
  let told = 0;
  let begun = 0;
  const reader = new ResponseReader({
    begin: () => {
      begun++;
      return place === 'message' ? undefined : length;
    },
    // Little at a time, so that a piece meets several.
    room: () => target.subarray(told, told + 7),
    arrived: (bytes) => void (told += bytes),
  });
  const ends = [...cuts.map((cut) => cut % (answer.length + 1)).sort((a, b) => a - b), answer.length];
  let start = 0;
  // As on a connection, every piece comes in the same buffer.
  const buffer = Buffer.alloc(answer.length);
  try {
    for (const end of ends) {
      while (start < end) {
        const room = reader.room();
        const piece = (room ?? buffer).subarray(0, end - start);
        piece.set(answer.subarray(start, start + piece.length));
        start += piece.length;
        if (room) {
          reader.arrived(piece.length);
        } else {
          reader.push(piece);
          piece.fill(0);
        }
      }
    }
    if (!reader.complete) reader.end();
  } finally {
    assert.ok(told <= length && begun <= 1);
    const outside = Buffer.concat([memory.subarray(0, 32), memory.subarray(32 + told)]);
    assert.ok(
      outside.every((byte) => byte === canary),
      'wrote outside of what it told',
    );
  }
  assert.ok(reader.complete && reader.head);
  if (place !== 'message') assert.equal(told, length);
  const body = place === 'message' ? Buffer.concat(reader.message) : target;
  return { head: reader.head, body: body.toString('hex'), reusable: reader.reusable };
}

/** The result, or that there is none because of the answer. Every other error is the test's to see. */
function outcome(answer: Uint8Array, cuts: readonly number[], place: Place): Result | 'broken' {
  try {
    return read(answer, cuts, place);
  } catch (error) {
    if (error instanceof BrokenAnswer) return 'broken';
    throw error;
  }
}

const anyToken = fc.stringMatching(/^[a-z]{1,12}$/);
const anyValue = fc.stringMatching(/^[ -9;-~]{0,20}$/);
const anyCuts = fc.array(fc.nat(), { maxLength: 12 });
const anyCase = (text: string): fc.Arbitrary<string> =>
  fc.mixedCase(fc.constant(text), { toggleCase: (character) => character.toUpperCase() });

const anyChunks = fc.record({
  sizes: fc.array(fc.nat(40), { maxLength: 5 }),
  extension: fc.constantFrom('', ';a', ';name="value; more"', ' '),
  zeros: fc.nat(4),
  trailers: fc.array(fc.tuple(anyToken, anyValue), { maxLength: 2 }),
});

const anyAnswer = fc
  .record({
    status: fc.constantFrom(200, 206, 404, 503),
    body: fc.uint8Array({ maxLength: 150 }),
    headers: fc.array(
      fc.tuple(
        anyToken.filter((name) => name !== 'connection'),
        anyValue,
      ),
      { maxLength: 4 },
    ),
    interim: fc.array(fc.constantFrom('100 Continue', '102 Processing', '103'), { maxLength: 3 }),
    framing: fc.constantFrom('length', 'chunks', 'close'),
    lengthName: anyCase('content-length'),
    codingName: anyCase('transfer-encoding'),
    coding: anyCase('chunked'),
    chunks: anyChunks,
    close: fc.boolean(),
    message: fc.boolean(),
  })
  .map((made) => {
    const { body, framing, headers } = made;
    const lines = headers.map(([name, value]) => `${name}:${value}`);
    if (framing === 'length') lines.push(`${made.lengthName}: ${body.length}`);
    if (framing === 'chunks') lines.push(`${made.codingName}:  ${made.coding} `);
    if (made.close) lines.push('CONNECTION: Close');
    const interims = made.interim.map((line) => `HTTP/1.1 ${line}\r\nx: y\r\n\r\n`).join('');
    const head = Buffer.from(
      `${interims}HTTP/1.1 ${made.status} Some Reason\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
      'latin1',
    );
    const answer = Buffer.concat([head, framing === 'chunks' ? inChunks(body, made.chunks) : body]);
    const expectedHeaders: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      expectedHeaders[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const expected: Result = {
      head: { status: made.status, reason: 'Some Reason', headers: expectedHeaders },
      body: Buffer.from(body).toString('hex'),
      reusable: framing !== 'close' && !made.close,
    };
    const place: Place = made.message ? 'message' : body.length;
    return { answer, expected, place, framing, headBytes: head.length };
  })
  // Two headers of one name are another matter.
  .filter(({ answer }) => answer.length > 0);

function inChunks(
  body: Uint8Array,
  { sizes, extension, zeros, trailers }: typeof anyChunks extends fc.Arbitrary<infer T> ? T : never,
): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  const chunk = (size: number): void => {
    const hex = '0'.repeat(zeros) + size.toString(16);
    parts.push(Buffer.from(`${hex}${extension}\r\n`), body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  };
  for (const size of sizes) if (size > 0 && at + size <= body.length) chunk(size);
  if (at < body.length) chunk(body.length - at);
  const trailer = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  parts.push(Buffer.from(`0${extension}\r\n${trailer}\r\n`));
  return Buffer.concat(parts);
}

describe('ResponseReader', () => {
  it('reads answers of every kind, however they are cut', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(anyAnswer, anyCuts, ({ answer, expected, place, framing }, cuts) => {
        kinds.add(`${framing} ${place === 'message'}`);
        assert.deepEqual(read(answer, cuts, place), expected);
        assert.deepEqual(read(answer, [...answer.keys()], place), expected, 'byte by byte');
      }),
      { seed: 1, numRuns: 500 },
    );
    assert.equal(kinds.size, 6);
  });

  it('of answers that are damaged in any way it makes the same, however they are cut, or BrokenAnswer', () => {
    const anyDamage = fc.array(
      fc.record({
        at: fc.nat(),
        remove: fc.nat(3),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 3 }),
          fc.constantFrom(...['\r\n', '\n', ':', '9', 'f'].map((text) => Buffer.from(text))),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    );
    let broken = 0;
    fc.assert(
      fc.property(anyAnswer, anyDamage, anyCuts, ({ answer, place }, damages, cuts) => {
        let damaged = answer;
        for (const { at, remove, insert } of damages) {
          const from = at % (damaged.length + 1);
          damaged = Buffer.concat([damaged.subarray(0, from), insert, damaged.subarray(from + remove)]);
        }
        const result = outcome(damaged, [], place);
        if (result === 'broken') broken++;
        assert.deepEqual(outcome(damaged, cuts, place), result);
      }),
      { seed: 2, numRuns: 2000 },
    );
    assert.ok(broken > 500 && broken < 1900, `${broken} were broken`);
  });

  it('takes no answer for complete that ends early', () => {
    fc.assert(
      fc.property(anyAnswer, fc.nat(), anyCuts, ({ answer, place, framing, headBytes }, end, cuts) => {
        // A message that only the end of the connection ends may end anywhere.
        const least = framing === 'close' && place === 'message' ? headBytes : answer.length;
        const cut = answer.subarray(0, end % Math.max(1, least));
        assert.equal(outcome(cut, cuts, place), 'broken');
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('takes no answer with more bytes than it announced, or than were asked for', () => {
    fc.assert(
      fc.property(anyAnswer, fc.uint8Array({ minLength: 1, maxLength: 9 }), anyCuts, (made, surplus, cuts) => {
        const { answer, place, framing } = made;
        fc.pre(!(framing === 'close' && place === 'message'));
        assert.equal(outcome(Buffer.concat([answer, surplus]), cuts, place), 'broken');
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('takes an answer of another length than asked for as broken, before it writes a byte', () => {
    for (const [announced, asked] of [
      [10, 9],
      [9, 10],
      [0, 1],
    ] as const) {
      const answer = Buffer.from(`HTTP/1.1 206 P\r\ncontent-length: ${announced}\r\n\r\n${'x'.repeat(announced)}`);
      assert.throws(() => read(answer, [], asked), BrokenAnswer);
    }
  });

  const text = (lines: string, body = ''): Buffer => Buffer.from(`HTTP/1.1 ${lines}\r\n\r\n${body}`, 'latin1');

  it('answers 204 and 304 have no body, whatever they announce', () => {
    for (const head of [
      '204 No Content',
      '304 Not Modified\r\ncontent-length: 77',
      '304 N\r\ntransfer-encoding: chunked',
    ]) {
      const { body, reusable } = read(text(head), [5], 'message');
      assert.deepEqual({ body, reusable }, { body: '', reusable: true });
      assert.throws(() => read(text(head, 'x'), [5], 'message'), BrokenAnswer);
    }
  });

  it('survives thousands of interim answers', () => {
    const answer = Buffer.concat([
      Buffer.from('HTTP/1.1 102\r\n\r\n'.repeat(20_000)),
      text('200 OK\r\ncontent-length: 0'),
    ]);
    assert.equal(read(answer, [], 'message').head.status, 200);
  });

  it('bounds heads, chunk lines and messages, where they come at once and where they come in pieces', () => {
    const head = (bytes: number): Buffer => {
      const start = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: ';
      return Buffer.from(`${start}${'x'.repeat(bytes - start.length)}\r\n\r\n`);
    };
    const line = (bytes: number): Buffer =>
      text('200 OK\r\ntransfer-encoding: chunked', `1;${'x'.repeat(bytes - 3)}\r\nA\r\n0\r\n\r\n`);
    const message = (bytes: number): Buffer => text('500 No', 'x'.repeat(bytes));
    for (const [make, most] of [
      [head, 64 * 1024],
      [line, 1024],
      [message, 256 * 1024],
    ] as const) {
      for (const cuts of [[], [most], [most + 1, most + 2, most + 3], [70_000], [1, 30, 500]]) {
        assert.notEqual(outcome(make(most), cuts, 'message'), 'broken', `${make.name} ${cuts.join()}`);
        assert.equal(outcome(make(most + 1), cuts, 'message'), 'broken', `${make.name} ${cuts.join()}`);
      }
    }
  });

  it('takes no head for HTTP/1.1 that is not', () => {
    const bad = [
      'HTTP/2 200 OK\r\n\r\n',
      'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 2000\r\n\r\n',
      'ICY 200 OK\r\n\r\n',
      '\r\n\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n',
      ...['-1', '1e3', '0x10', '', '1 2', '9'.repeat(16)].map(
        (length) => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`,
      ),
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 2\r\n\r\nab',
      ...['', 'g', '-1', '0x1', '1'.repeat(13), '1 a'].map(
        (size) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\nA\r\n0\r\n\r\n`,
      ),
      // A chunk that is longer, or shorter, than its length.
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nABC0\r\n\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nA\r\n0\r\n\r\n',
    ];
    for (const answer of bad) {
      assert.equal(outcome(Buffer.from(answer), [], 'message'), 'broken', answer);
      assert.equal(
        outcome(
          Buffer.from(answer),
          [...answer].map((_, at) => at),
          'message',
        ),
        'broken',
        answer,
      );
    }
  });

  it('hands on what the sink throws', () => {
    const reason = new Error('not the wanted one');
    const reader = new ResponseReader({
      begin: () => {
        throw reason;
      },
      room: () => new Uint8Array(1),
      arrived: () => undefined,
    });
    assert.throws(() => reader.push(text('404 Not Found')), reason);
  });
});
