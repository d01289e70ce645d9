/** Rows as tasks read them. */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { openDump } from '../../src/dump/dump.js';
import { StorageUnavailable } from '../../src/errors.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';
import { RowReader } from '../../src/visualize/rows.js';
import type { StageContext } from '../../src/visualize/taskContext.js';
import { makeDump } from '../support/makeDump.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const rows = 64;
const width = 8;

describe('rows of a dump', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;

  before(async () => {
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  it('no read goes on when another one has failed: its memory will be that of the next task', async () => {
    const activations = await makeDump(
      bucket,
      [{ name: 'activations', dtype: 'F32', shape: [width], value: () => 0 }],
      [rows],
    );
    const tokens = await makeDump(bucket, [{ name: 'tokens', dtype: 'I32', shape: [], value: () => 0 }], [rows]);
    let underWay = 0;
    const store: ObjectStore = override<ObjectStore>(bucket.store, {
      readInto: async ({ key }, _range, target) => {
        underWay++;
        try {
          if (key.startsWith(tokens.place.prefix)) throw new StorageUnavailable('no answer', {});
          // Bytes that were sent before anybody said stop.
          await setTimeout(50);
          target.fill(1);
        } finally {
          underWay--;
        }
      },
    });
    const context = {
      run: { layout: { settings: { exclude: { positions: [], tokens: [] }, nonFinite: 'error' } } },
      dump: openDump(activations, tokens, width),
      store,
      signal: new AbortController().signal,
      onBytes: () => undefined,
    } as unknown as StageContext;
    const reader = new RowReader(context, { specialIds: new Set() } as unknown as Tokenizer);
    await assert.rejects(reader.read(0, rows, new Uint8Array(rows * width * 4)), { name: 'StorageUnavailable' });
    assert.equal(underWay, 0);
  });
});
