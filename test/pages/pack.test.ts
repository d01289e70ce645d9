/** Packs: what was put in comes out; what was cut, changed or mixed up is noticed, and the file named. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { RunDamaged } from '../../src/errors.js';
import { crc32 } from '../../src/pages/crc32.js';
import { entryOffset, headerBytes } from '../../src/pages/pack.js';
import { readItems, unpackAll } from '../../src/pages/packReader.js';
import { PackWriter } from '../../src/pages/packWriter.js';
import { filesInMemory } from '../support/runFiles.js';

const items = fc.array(fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined, freq: 4 }), { maxLength: 20 });

function packed(first: number, contents: readonly (Uint8Array | undefined)[]): Uint8Array {
  const writer = new PackWriter(first);
  for (const content of contents) writer.add(content);
  return Buffer.concat(writer.finish().parts);
}

describe('a pack', () => {
  it('gives back every item, whole or by ranges', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.nat(2 ** 40), fc.nat(20), fc.nat(20), async (contents, first, a, b) => {
        const bytes = packed(first, contents);
        const same = (
          found: readonly (Uint8Array | undefined)[],
          expected: readonly (Uint8Array | undefined)[],
        ): void => assert.deepEqual(found.map(copy), expected.map(copy));
        same(await unpackAll(bytes, 'f'), contents);
        const [from, to] = [Math.min(a, b, contents.length), Math.min(Math.max(a, b), contents.length)];
        if (from === to) return;
        const { files, reads } = filesInMemory({ f: bytes });
        same(await readItems(files, { file: 'f', first }, first + from, first + to), contents.slice(from, to));
        assert.ok(reads.length <= 2, `${reads.length} requests`);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('costs two requests an item: 16 bytes of index, and the item', async () => {
    const bytes = packed(4096, [undefined, Buffer.from('one'), Buffer.from('two')]);
    const { files, reads } = filesInMemory({ f: bytes });
    const [item] = await readItems(files, { file: 'f', first: 4096 }, 4098, 4099);
    assert.equal(Buffer.from(item!).toString(), 'two');
    assert.deepEqual(reads[0], { file: 'f', start: 64 + 2 * 16, end: 64 + 3 * 16 });
    assert.equal(reads.length, 2);
    assert.equal(reads[1]!.end, bytes.length);
  });

  it('has bytes that say nothing of when and where they were made', () => {
    const bytes = packed(0, [Buffer.from('some text, some text')]);
    assert.deepEqual([...bytes.subarray(entryOffset(1), entryOffset(1) + 10)], [31, 139, 8, 0, 0, 0, 0, 0, 2, 255]);
  });

  it('has the digest of its items, one after the other', () => {
    const writer = new PackWriter(7);
    for (const text of ['a\n', 'bc\n']) writer.add(Buffer.from(text));
    const { digest, parts } = writer.finish();
    const expected = createHash('sha256').update('a\nbc\n').digest('hex');
    assert.equal(Buffer.from(digest).toString('hex'), expected);
    assert.equal(Buffer.concat(parts).subarray(32, 64).toString('hex'), expected);
  });

  it('notices every changed byte', async () => {
    const contents = [Buffer.from('first item'), undefined, Buffer.from('third item')];
    const bytes = packed(5, contents);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1 + (at % 255);
      await assert.rejects(unpackAll(changed, 'pages/00001.bin'), namesTheFile, `byte ${at}`);
      if (at < headerBytes) continue;
      // Readers of ranges do not see the header.
      const { files } = filesInMemory({ 'pages/00001.bin': changed });
      await assert.rejects(readItems(files, { file: 'pages/00001.bin', first: 5 }, 5, 8), namesTheFile, `byte ${at}`);
    }
  });

  it('notices every length that is not its own', async () => {
    const bytes = packed(0, [Buffer.from('first item'), Buffer.from('second')]);
    for (let length = 0; length < bytes.length; length++) {
      await assert.rejects(unpackAll(bytes.subarray(0, length), 'table/max.bin'), namesTheFile, `${length} bytes`);
    }
    await assert.rejects(unpackAll(Buffer.concat([bytes, Buffer.alloc(1)]), 'table/max.bin'), namesTheFile);
  });

  it('notices an index of zeros, another pack, and another version of the file', async () => {
    const read = async (file: Uint8Array, first: number): Promise<unknown> =>
      readItems(filesInMemory({ f: file }).files, { file: 'f', first }, first, first + 2);
    const contents = [Buffer.from('first item'), Buffer.from('second')];
    const bytes = packed(0, contents);
    await assert.rejects(read(bytes, 2), namesTheFile);
    await assert.rejects(read(new Uint8Array(bytes.length), 0), namesTheFile);
    const other = Buffer.from(packed(0, [Buffer.from('another1'), Buffer.from('second')]));
    other.set(bytes.subarray(0, entryOffset(2)));
    await assert.rejects(read(other, 0), namesTheFile);
  });

  it('refuses an item that would unpack to more than it may hold', () => {
    assert.throws(() => new PackWriter(0).add(new Uint8Array(64 * 1024 * 1024 + 1)), /item 0 has 67108865 bytes/);
  });
});

describe('crc32', () => {
  it('is zlib’s, also in pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(crc32(b, crc32(a)), zlibCrc32(Buffer.concat([a, b])));
      }),
      { seed: 1 },
    );
  });
});

function copy(bytes: Uint8Array | undefined): number[] | undefined {
  return bytes && [...bytes];
}

function namesTheFile(error: unknown): boolean {
  assert.ok(error instanceof RunDamaged, String(error));
  assert.ok(error.message.startsWith(`${String(error.fields.file)} of the run is damaged: `), error.message);
  return true;
}
