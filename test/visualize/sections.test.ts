/** Packed objects whose sections are made as they are sent. */
import assert from 'node:assert/strict';
import { partBytes } from '../../src/storage/objectStore.js';
import { readSection, sectionBytes, writeLazySections, writeSections } from '../../src/visualize/sections.js';
import type { VisualizeRun } from '../../src/visualize/run.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';

const { signal } = new AbortController();

describe('sections', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;

  before(async () => {
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  /** A run as far as sections look at it: every task has an object of its own. */
  function newRun(): VisualizeRun {
    const place = bucket.newPlace();
    const digest = 'ab'.repeat(32);
    return {
      output: place,
      layoutDigest: digest,
      planDigest: digest,
      packedObject: (pass: number, task: number) => ({ bucket: place.bucket, key: `${place.prefix}${pass}-${task}` }),
    } as unknown as VisualizeRun;
  }

  const fill = (section: number, content: Uint8Array): void => {
    for (let at = 0; at < content.length; at += 997) content[at] = section * 37 + at;
  };

  it('are the same bytes as those that were at hand, whether they are longer than a part of the upload or cross one', async () => {
    const lengths = [24, 0, partBytes - 200, 70, partBytes + 12_345, 5];
    const run = newRun();
    let most = 0;
    const made = (section: number, content: Uint8Array): void => {
      most = Math.max(most, content.length);
      fill(section, content);
    };
    const lazy = await writeLazySections(bucket.store, run, 5, 0, lengths, made, signal);
    const contents = lengths.map((length, section) => {
      const content = new Uint8Array(length);
      fill(section, content);
      return [content];
    });
    const eager = await writeSections(bucket.store, run, 5, 1, contents, signal);
    assert.equal(lazy.bytes, eager.bytes);
    assert.equal(most, Math.max(...lengths));
    let offset = 0;
    for (const [section, length] of lengths.entries()) {
      const read = await readSection(bucket.store, run, { pass: 5, task: 0, section }, offset, length, signal);
      assert.ok(Buffer.from(read).equals(contents[section]![0]!), `section ${section}`);
      offset += sectionBytes(length);
    }
    // A damaged byte is noticed, and another section is not taken for this one.
    const wrong = readSection(bucket.store, run, { pass: 5, task: 0, section: 1 }, 0, lengths[0]!, signal);
    await assert.rejects(wrong, { name: 'WorkDamaged' });
  });
});
