// Work of a shuffle that was damaged or tampered with while it was not looking: plan, checkpoint manifests, packed
// objects, input and output shards. It is refused or healed, and the output is that of an undisturbed run or none.
// Workers that die: test/workflows/resume.test.ts. The formats field by field: test/shuffle.
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { canonicalJson, jsonDigest } from '../../src/json.js';
import type { Json } from '../../src/json.js';
import { formatPrefix } from '../../src/storage/uri.js';
import type { Prefix } from '../../src/storage/uri.js';
import { alter, alterJson, makeDataset, objectsBelow, outputBelow, shardFile } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import { assertFailed, joinAndWait, resume, startAndWait, startPaused, successOf } from '../support/riffleCli.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';

const plan = '_riffle/plan.json';

type Fields = Record<string, Json>;

/** Changes a checked JSON object and gives it the CRC that riffle would. */
const withNewCrc =
  (change: (value: Fields) => void) =>
  (value: Fields): Fields => {
    delete value.crc32;
    change(value);
    return { ...value, crc32: crc32(canonicalJson(value)).toString(16).padStart(8, '0') };
  };

describe('damaged and tampered work', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;
  let expected: Record<string, string>;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
    data = await makeDataset(bucket);
    successOf(await startAndWait('shuffle', { ...data.input, keepIntermediates: true }));
    expected = await outputBelow(bucket, data.output);
    assert.deepEqual(Object.keys(expected).sort(), [
      '00000.safetensors',
      '00001.safetensors',
      '00002.safetensors',
      'dataset.json',
    ]);
  });
  after(() => {
    bucket.store.close();
  });

  /**
   * A run that seems to have been stopped before what `lost` names was written: a copy of what the undisturbed run left,
   * at another output prefix.
   */
  async function unfinished(...lost: RegExp[]): Promise<{ output: Prefix; input: object; work: string[] }> {
    const output = bucket.newPlace();
    const input = { ...data.input, output: formatPrefix(output), keepIntermediates: true };
    const gone = [/^dataset\.json$/, ...lost];
    const work = (await bucket.keys(data.output)).filter((key) => !gone.some((pattern) => pattern.test(key)));
    await Promise.all(
      work.map(async (key) => {
        const object = await bucket.store.readWhole({ ...data.output, key: data.output.prefix + key }, 2 ** 24);
        await bucket.store.put({ ...output, key: output.prefix + key }, [object!.data]);
      }),
    );
    return { output, input, work };
  }

  /** The gather pass and what it wrote. */
  const gatherPass = [/pass-2/, /^\d+\.safetensors$/];
  /** That the passes, and all tasks of a group, are complete. */
  const passRecords = [/pass-\d\.json$/];
  const groupManifests = [/group-\d+\.json$/];

  const matching = (keys: readonly string[], pattern: RegExp): string[] => {
    const found = keys.filter((key) => pattern.test(key)).sort();
    assert.ok(found.length > 0, `nothing like ${pattern} among ${keys.join(', ')}`);
    return found;
  };

  async function finishes(output: Prefix, input: object): Promise<void> {
    assert.equal(successOf(await startAndWait('shuffle', input)).rows, 300);
    assert.deepEqual(await outputBelow(bucket, output), expected);
  }

  describe('plan.json', () => {
    let run: Awaited<ReturnType<typeof unfinished>>;

    before(async () => {
      run = await unfinished(...gatherPass);
    });

    const flipIn = (text: string) => (bytes: Buffer) => {
      const at = bytes.indexOf(text);
      assert.ok(at >= 0);
      bytes[at + 1]! ^= 1;
      return bytes;
    };
    const json =
      (change: (file: { digests: Fields; plan: Fields & { scatter: Fields[] } }) => void) => (bytes: Buffer) => {
        const file = JSON.parse(bytes.toString()) as Parameters<typeof change>[0];
        change(file);
        return Buffer.from(JSON.stringify(file));
      };
    /** Other numbers of the first scatter pass, with a digest that fits them. */
    const scatter = (change: Fields) =>
      json((file) => {
        Object.assign(file.plan.scatter[0]!, change);
        file.digests.plan = jsonDigest(file.plan);
      });
    const zeros = '0'.repeat(64);

    for (const [what, change, says] of [
      ['a byte of the seed flipped', flipIn('tests'), /layout does not have the digest/],
      ['a byte of a column name flipped', flipIn('token'), /dataset does not have the digest/],
      ['numbers changed', json((file) => void (file.plan.scatter[0]!.taskBlocks = 8)), /plan does not have the digest/],
      ['no block a task', scatter({ taskBlocks: 0 }), /scatter pass 1 has taskBlocks 0/],
      ['a task that begins inside a run', scatter({ taskBlocks: 3 }), /taskBlocks 3/],
      ['a fan-out of nothing', scatter({ fanOut: 0 }), /fanOut 0/],
      ['a depth that the tree does not have', scatter({ depth: 40 }), /depth 40/],
      ['text for numbers', scatter({ depth: '2' }), /not whole/],
      ['another layout digest', json((file) => void (file.digests.layout = zeros)), /layout does not have the digest/],
      [
        'a plan of another layout',
        json((file) => {
          file.plan.layout = zeros;
          file.digests.plan = jsonDigest(file.plan);
        }),
        /belongs to another layout/,
      ],
      ['another format', json((file) => void Object.assign(file, { format: 'riffle.plan/9' })), /"riffle\.plan\/9"/],
      ['truncated', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2), /JSON/],
      ['no JSON', () => Buffer.from('plan'), /JSON/],
      ['nothing', () => Buffer.alloc(0), /JSON/],
      ['another kind of JSON', () => Buffer.from('null'), /is not the plan that riffle wrote/],
    ] as const) {
      it(what, async () => {
        const { output, input } = run;
        const whole = await bucket.store.readWhole({ ...output, key: output.prefix + plan }, 2 ** 24);
        await alter(bucket, output, plan, change);
        try {
          const before = await objectsBelow(bucket, output);
          const ended = await startAndWait('shuffle', input);
          assertFailed(ended, 2, 'PlanDamaged', formatPrefix(output), plan, says, 'Restore it');
          assert.deepEqual(await objectsBelow(bucket, output), before);
        } finally {
          await alter(bucket, output, plan, () => whole!.data);
        }
      });
    }

    it('with the recorded bytes the run goes on', () => finishes(run.output, run.input));
  });

  describe('packed objects', () => {
    it('a record that changed with its CRC-32s: its digest tells, and its task is done again', async () => {
      const { output, input, work } = await unfinished(...gatherPass, ...passRecords, ...groupManifests);
      const [object] = matching(work, /pass-1\/.*\.bin$/);
      const before = await objectsBelow(bucket, output);
      await alter(bucket, output, object!, (bytes) => {
        const records = bytes.indexOf('riffle-1');
        assert.ok(records > 0, 'the first segment has records');
        bytes[0]! ^= 1;
        bytes.writeUInt32LE(crc32(bytes.subarray(0, records)), records + 120);
        bytes.writeUInt32LE(crc32(bytes.subarray(records, records + 124)), records + 124);
        return bytes;
      });
      await finishes(output, input);
      assert.equal((await objectsBelow(bucket, output))[object!], before[object!]);
    });
  });

  describe('checkpoint manifests', () => {
    it('one with a wrong CRC counts as none: its task is done again', async () => {
      const { output, input, work } = await unfinished(...gatherPass, ...passRecords, ...groupManifests);
      const [manifest] = matching(work, /pass-1\/.*\.json$/);
      const before = await objectsBelow(bucket, output);
      await alterJson(bucket, output, manifest!, (value: Fields) => void (value.records = 99));
      await finishes(output, input);
      assert.equal((await objectsBelow(bucket, output))[manifest!], before[manifest!]);
    });

    for (const [what, change] of [
      ['a wrong count', (value: Fields) => void (value.records = Number(value.records) - 1)],
      ['a wrong digest', (value: Fields) => void (value.digest = '0'.repeat(32))],
    ] as const) {
      it(`one with ${what} and a good CRC: records are missed, nothing is committed`, async () => {
        const { output, input, work } = await unfinished(...gatherPass, ...passRecords, ...groupManifests);
        await alterJson(bucket, output, matching(work, /pass-1\/.*\.json$/)[0]!, withNewCrc(change));
        const run = await startAndWait('shuffle', input);
        const { message } = assertFailed(
          run,
          1,
          'RecordsUnaccounted',
          formatPrefix(output),
          'no dataset.json was written',
        );
        assert.ok(!('dataset.json' in (await objectsBelow(bucket, output))));

        // The way out that the message names.
        const folder = /Delete (_riffle\/\w+\/) below the output/.exec(message)?.[1];
        const keys = (await bucket.keys(output)).filter((key) => key.startsWith(folder!));
        assert.ok(keys.length > 0);
        await bucket.store.delete(
          output.bucket,
          keys.map((key) => output.prefix + key),
        );
        await finishes(output, input);
      });
    }

    for (const [what, change] of [
      ['rows', (shard: Fields) => void ((shard.shard as Fields).rows = 99)],
      ['key', (shard: Fields) => void (shard.key = '00002.safetensors')],
    ] as const) {
      it(`one of the gather pass with another ${what} of its shard: its task is done again`, async () => {
        const { output, input, work } = await unfinished(...groupManifests);
        const [manifest] = matching(work, /pass-2\/.*\.json$/);
        const wrote = (value: Fields): Fields[] => value.wrote as Fields[];
        await alterJson(
          bucket,
          output,
          manifest!,
          withNewCrc((value) => change(wrote(value)[0]!)),
        );
        await finishes(output, input);
      });
    }

    it('a pass record with a wrong CRC counts as none', async () => {
      const { output, input } = await unfinished();
      const [record] = matching(await bucket.keys(output), /pass-2\.json$/);
      await alterJson(bucket, output, record!, (value: Fields) => void (value.digest = '0'.repeat(32)));
      await finishes(output, input);
    });
  });

  describe('group manifests', () => {
    /** Of the first pass, whose record is lost. */
    const ofPass1 = /pass-1\/group-\d+\.json$/;
    const entry = (value: Fields): Fields => (value.reports as Fields[])[0]!;

    it('one with a wrong CRC counts as none: the tasks’ own manifests decide', async () => {
      const { output, input, work } = await unfinished(...gatherPass, ...passRecords);
      const [manifest] = matching(work, ofPass1);
      const before = await objectsBelow(bucket, output);
      await alterJson(bucket, output, manifest!, (value: Fields) => void (entry(value).records = 99));
      await finishes(output, input);
      assert.equal((await objectsBelow(bucket, output))[manifest!], before[manifest!], 'it was folded again');
    });

    it('one with a wrong count and a good CRC: records are missed, nothing is committed', async () => {
      const { output, input, work } = await unfinished(...gatherPass, ...passRecords);
      const change = withNewCrc((value) => void (entry(value).records = 99));
      await alterJson(bucket, output, matching(work, ofPass1)[0]!, change);
      assertFailed(await startAndWait('shuffle', input), 1, 'RecordsUnaccounted', formatPrefix(output));
      assert.ok(!('dataset.json' in (await objectsBelow(bucket, output))));
    });

    it('one of another group, pass or plan counts as none', async () => {
      for (const field of ['group', 'pass', 'plan']) {
        const { output, input, work } = await unfinished(...gatherPass, ...passRecords);
        const change = withNewCrc((value) => void ((entry(value).records = 99), (value[field] = 7)));
        await alterJson(bucket, output, matching(work, ofPass1)[0]!, change);
        await finishes(output, input);
      }
    });

    for (const [what, change] of [
      ['rows', (shard: Fields) => void ((shard.shard as Fields).rows = 99)],
      ['etag', (shard: Fields) => void (shard.etag = '"0"')],
    ] as const) {
      it(`one of the gather pass with another ${what} of a shard: the commit asks the task’s own manifest`, async () => {
        const { output, input, work } = await unfinished();
        const altered = withNewCrc((value) => change((entry(value).wrote as Fields[])[0]!));
        await alterJson(bucket, output, matching(work, /pass-2\/group-\d+\.json$/)[0]!, altered);
        await finishes(output, input);
      });
    }

    it('one that names objects that are gone counts as none: their tasks are done again', async () => {
      const { output, input, work } = await unfinished(...gatherPass, ...passRecords);
      const [lost] = matching(work, /pass-1\/.*\.bin$/);
      await bucket.store.delete(output.bucket, [output.prefix + lost!]);
      await finishes(output, input);
    });
  });

  describe('packed objects, between the passes', () => {
    for (const [what, change] of [
      ['a byte flipped', (bytes: Buffer) => void (bytes[40]! ^= 1)],
      ['a byte of a trailer flipped', (bytes: Buffer) => void (bytes[bytes.length - 1]! ^= 1)],
      ['truncated', (bytes: Buffer) => bytes.subarray(0, bytes.length - 200)],
      ['empty', () => Buffer.alloc(0)],
      ['longer', (bytes: Buffer) => Buffer.concat([Buffer.alloc(1), bytes])],
    ] as const) {
      it(`${what}: its task is done again`, async () => {
        const { output, input, work } = await unfinished(...gatherPass);
        const [packed] = matching(work, /pass-1\/.*\.bin$/);
        const before = await objectsBelow(bucket, output);
        await alter(bucket, output, packed!, (bytes) => change(bytes) ?? bytes);
        assert.notEqual((await objectsBelow(bucket, output))[packed!], before[packed!]);
        await finishes(output, input);
        assert.equal((await objectsBelow(bucket, output))[packed!], before[packed!]);
      });
    }

    it('another task’s object in its place: both are told apart', async () => {
      const { output, input, work } = await unfinished(...gatherPass);
      const [first, second] = matching(work, /pass-1\/.*\.bin$/);
      const other = await bucket.store.readWhole({ ...output, key: output.prefix + second! }, 2 ** 24);
      await alter(bucket, output, first!, () => other!.data);
      await finishes(output, input);
    });

    it('all deleted, with and without their manifests', async () => {
      for (const pattern of [/pass-1\/.*\.bin$/, /pass-1\/.*/]) {
        const { output, input } = await unfinished(...gatherPass, pattern);
        await finishes(output, input);
      }
    });
  });

  it('an input shard replaced after the plan was made: named; with the recorded bytes a new start finishes', async () => {
    const own = await makeDataset(bucket);
    const workflowId = await startPaused(own.input);
    await until(async () => plan in (await objectsBelow(bucket, own.output)));
    await alter(bucket, own.place, '00001.safetensors', () => shardFile('safetensors', 7, 100));
    const { ended } = await joinAndWait(own.input);
    await resume(workflowId);
    const says = [`${own.uri}/00001.safetensors`, '1 of 3 tasks failed', 'start the workflow again'];
    const error = assertFailed(await ended, 1, 'TasksFailed', ...says);
    const failures = error.failures as { code: string }[];
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['ObjectChanged'],
    );
    const written = Object.keys(await objectsBelow(bucket, own.output));
    assert.ok(
      written.every((key) => key.startsWith('_riffle/')),
      written.join(', '),
    );

    assertFailed(await startAndWait('shuffle', own.input), 2, 'ObjectChanged', '00001.safetensors');
    await alter(bucket, own.place, '00001.safetensors', () => shardFile('safetensors', 100, 100));
    await finishes(own.output, own.input);
  });

  it('an output shard replaced before the commit: never overwritten, named', async () => {
    const { output, input } = await unfinished(/pass-2/);
    await alter(bucket, output, '00001.safetensors', () => Buffer.from('mine'));
    const error = assertFailed(
      await startAndWait('shuffle', input),
      1,
      'TasksFailed',
      `${formatPrefix(output)}/00001.safetensors holds other bytes`,
    );
    assert.equal((error.failures as { code: string }[])[0]?.code, 'ObjectConflict');
    const there = await bucket.store.readWhole({ ...output, key: `${output.prefix}00001.safetensors` }, 100);
    assert.equal(Buffer.from(there!.data).toString(), 'mine');
    assert.ok(!('dataset.json' in (await objectsBelow(bucket, output))));
    await bucket.store.delete(output.bucket, [`${output.prefix}00001.safetensors`]);
    await finishes(output, input);
  });
});
