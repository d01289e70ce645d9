// What a shuffle does when it is stopped, repeated or robbed between its steps. The steps are called directly, on real
// S3; killed processes and Temporal are the subject of test/workflows/resume.test.ts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { sumDigests } from '../../src/digests.js';
import { OutputForeign, WorkDamaged } from '../../src/errors.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import type { TaskReport } from '../../src/runs/checkpoint.js';
import { cleanUp, forgetTasks } from '../../src/runs/cleanUp.js';
import { commitShuffle, completePass, type ShuffleResult } from '../../src/shuffle/commit.js';
import { foldGroup } from '../../src/runs/groupManifest.js';
import { parseShuffleInput, type ShuffleInput } from '../../src/shuffle/input.js';
import { prepareShuffle, type Prepared } from '../../src/shuffle/prepare.js';
import type { ShuffleRun } from '../../src/shuffle/run.js';
import { runTask } from '../../src/shuffle/task.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { safetensorsFile } from '../support/shardFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const { signal } = new AbortController();
const memory = new WorkMemory();
const columns = [
  { name: 'row', dtype: 'I32', shape: [] },
  { name: 'values', dtype: 'U8', shape: [13] },
];
const rows = 1000;
/** Two scatter passes: memory for 160 records, blocks of 8, output shards of 40. */
const cut = { seed: 's', memory: 160 * 25 + 400, minSegment: 300, blockRows: 8, outputShardRows: 40 };

describe('durability of a shuffle', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let input: Prefix;
  let output: Prefix;
  let expected: Record<string, string>;

  before(async () => {
    bucket = await openTestBucket();
    input = bucket.newPlace();
    for (const shard of [0, 1]) {
      const file = safetensorsFile(columns, rows / 2, undefined, shard * 100);
      await bucket.store.put({ bucket: input.bucket, key: `${input.prefix}${shard}.safetensors` }, [file]);
    }
    await writeDataset(bucket.store, input, (await describeDataset(bucket.store, input)).dataset);
    output = bucket.newPlace();
    const result = await carryOut();
    assert.equal(result.scatterPasses, 2);
    expected = await digests();
    assert.equal(Object.keys(expected).length, 26);
  });
  after(() => bucket.store.close());
  beforeEach(() => (output = bucket.newPlace()));

  const prepare = (options: object = {}): Promise<Prepared> =>
    prepareShuffle(
      bucket.store,
      parseShuffleInput({
        input: formatPrefix(input),
        output: formatPrefix(output),
        ...cut,
        ...options,
      }) as ShuffleInput,
      signal,
    );

  /** Runs one pass; a task that finds damage has it mended first, and the group folds its manifests, as in the workflow. */
  async function runPass(run: ShuffleRun, pass: number): Promise<{ done: number }> {
    const context = {
      store: bucket.store,
      memory,
      inputs: [input],
      signal,
      reserve: async () => {},
      onBytes: () => undefined,
      pause: async () => {},
    };
    const reports: TaskReport[] = [];
    let done = 0;
    const redo = async (of: number, task: number, again: boolean): Promise<void> => {
      try {
        const { report, skipped } = await runTask(run, of, task, again, context);
        if (of === pass && !again) reports.push(report);
        if (!skipped) done++;
      } catch (error) {
        if (!(error instanceof WorkDamaged)) throw error;
        const damage = error.fields as { pass: number; tasks: number[] };
        for (const lost of damage.tasks) await redo(damage.pass, lost, true);
        await redo(of, task, again);
      }
    };
    for (let task = 0; task < run.geometry.taskCount(pass); task++) await redo(pass, task, false);
    await foldGroup(bucket.store, run, pass, 0, signal);
    const records = reports.reduce((sum, report) => sum + report.records, 0);
    const digest = sumDigests(reports.map((report) => report.digest));
    await completePass(bucket.store, run, { pass, records, digest }, false, signal);
    return { done };
  }

  /** Does what is missing, up to and with a pass; by default everything. */
  async function runUpTo(last?: number): Promise<{ run: ShuffleRun; done: number[]; result?: ShuffleResult }> {
    const { run, completed, result } = await prepare();
    const done: number[] = [];
    if (result) return { run, done, result };
    for (let pass = (completed?.pass ?? 0) + 1; pass <= (last ?? run.geometry.passes); pass++) {
      done[pass] = (await runPass(run, pass)).done;
    }
    return { run, done };
  }

  async function carryOut(): Promise<ShuffleResult> {
    const { run, result } = await runUpTo();
    if (result) return result;
    const committed = await commitShuffle(bucket.store, run, false, signal);
    await cleanUp(bucket.store, run, signal);
    return committed;
  }

  async function digests(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const key of await bucket.keys(output)) {
      if (key.startsWith('_riffle/')) continue;
      const object = await bucket.store.readWhole({ bucket: output.bucket, key: output.prefix + key }, 1e9);
      found[key] = createHash('sha256').update(object!.data).digest('hex');
    }
    return found;
  }

  const remove = (...keys: string[]): Promise<void> => bucket.store.delete(output.bucket, keys);
  const at = (key: string): string => output.prefix + key;

  async function checkFinished(plans = ['_riffle/plan.json']): Promise<void> {
    assert.deepEqual(await digests(), expected);
    const left = (await bucket.keys(output)).filter((key) => key.startsWith('_riffle/'));
    assert.deepEqual(left.sort(), plans);
  }

  for (const pass of [1, 2, 3]) {
    it(`stopped after pass ${pass}: the next start does only the rest`, async () => {
      await runUpTo(pass);
      assert.equal((await prepare()).completed?.pass, pass);
      await carryOut();
      await checkFinished();
    });
  }

  it('a shard that is lost before the commit is written again', async () => {
    await runUpTo();
    await remove(at('00007.safetensors'));
    const { completed } = await prepare();
    assert.equal(completed?.pass, 2, 'the gather pass is not complete');
    const { done } = await runUpTo();
    assert.equal(done[3], 1);
    await carryOut();
    await checkFinished();
  });

  it('a shard that is lost between the gather pass and the commit stops the commit', async () => {
    const { run } = await runUpTo();
    await remove(at('00007.safetensors'));
    await assert.rejects(commitShuffle(bucket.store, run, false, signal), WorkDamaged);
    assert.ok(!(await bucket.keys(output)).includes('dataset.json'));
  });

  it('a commit may be repeated, also after its clean-up', async () => {
    const { run } = await runUpTo();
    const result = await commitShuffle(bucket.store, run, false, signal);
    assert.deepEqual(await commitShuffle(bucket.store, run, false, signal), result);
    await cleanUp(bucket.store, run, signal);
    assert.deepEqual(await commitShuffle(bucket.store, run, false, signal), result);
    await cleanUp(bucket.store, run, signal);
    await checkFinished();
  });

  it('stopped between commit and clean-up: the next start cleans up and returns the result', async () => {
    const { run } = await runUpTo();
    const committed = await commitShuffle(bucket.store, run, false, signal);
    assert.ok((await bucket.keys(output)).length > 30);
    assert.deepEqual((await prepare()).result, committed);
    await checkFinished();
  });

  it('a lost packed object of a complete pass is written again before it is needed', async () => {
    const { run } = await runUpTo(1);
    await remove(run.packedObject(1, 0).key);
    assert.equal((await prepare()).completed, undefined);
    const { done } = await runUpTo(1);
    assert.equal(done[1], 1);
    await carryOut();
    await checkFinished();
  });

  it('tasks that are forgotten are done again, and only those', async () => {
    const { run } = await runUpTo(1);
    await forgetTasks(bucket.store, run, 1, [0, 2], signal);
    assert.equal((await prepare()).completed, undefined);
    const { done } = await runUpTo(1);
    assert.equal(done[1], 2);
    await carryOut();
    await checkFinished();
  });

  describe('group manifests', () => {
    /** All tasks of the first pass are done, but the pass is not. */
    async function folded(): Promise<ShuffleRun> {
      const { run } = await runUpTo(1);
      await remove(run.passRecord(1).key);
      return run;
    }

    it('a group that is done is known by one object', async () => {
      const run = await folded();
      const reads: string[] = [];
      const store = override(bucket.store, {
        head: (object, options) => {
          assert.ok(!object.key.startsWith(output.prefix), `${object.key} is looked at`);
          return bucket.store.head(object, options);
        },
        readWhole: (object, limit, options) => {
          if (object.key.includes('/pass-1/')) reads.push(object.key);
          return bucket.store.readWhole(object, limit, options);
        },
      });
      const { done } = await prepareShuffle(
        store,
        parseShuffleInput({ input: formatPrefix(input), output: formatPrefix(output), ...cut }) as ShuffleInput,
        signal,
      );
      assert.deepEqual(done.get(1)?.groups, new Set([0]));
      assert.equal(done.get(1)?.tasks, run.geometry.taskCount(1));
      assert.equal(done.get(1)?.records, rows);
      assert.equal(done.get(2)?.tasks, 0);
      assert.deepEqual(reads, [run.groupManifest(1, 0).key]);
    });

    for (const [what, damage] of [
      ['is forgotten in part', (run: ShuffleRun) => forgetTasks(bucket.store, run, 1, [3], signal)],
      ['lacks an object', (run: ShuffleRun) => remove(run.packedObject(1, 3).key)],
      [
        'has an object of other bytes',
        async (run: ShuffleRun) => void (await bucket.store.put(run.packedObject(1, 3), [Buffer.from('other')])),
      ],
      [
        'has a damaged manifest',
        async (run: ShuffleRun) => void (await bucket.store.put(run.groupManifest(1, 0), [Buffer.from('{}')])),
      ],
    ] as const) {
      it(`a group that ${what} is not done`, async () => {
        await damage(await folded());
        assert.equal((await prepare()).done.get(1)?.tasks, 0);
        await carryOut();
        await checkFinished();
      });
    }

    it('tasks whose manifests are not all there are not folded', async () => {
      const { run } = await runUpTo(1);
      await remove(run.groupManifest(1, 0).key, run.checkpoint(1, 2).key);
      assert.equal(await foldGroup(bucket.store, run, 1, 0, signal), undefined);
      assert.ok(!(await bucket.keys(output)).some((key) => key.includes('group-')));
    });

    it('the commit needs the group manifest or the tasks’ own', async () => {
      const { run } = await runUpTo();
      const last = run.geometry.passes;
      const tasks = Array.from({ length: run.geometry.taskCount(last) }, (_, task) => task);
      await remove(...tasks.map((task) => run.checkpoint(last, task).key));
      const group = await bucket.store.readWhole(run.groupManifest(last, 0), 1e6);
      await remove(run.groupManifest(last, 0).key);
      await assert.rejects(commitShuffle(bucket.store, run, false, signal), WorkDamaged);
      await bucket.store.put(run.groupManifest(last, 0), [group!.data]);
      await commitShuffle(bucket.store, run, false, signal);
      await cleanUp(bucket.store, run, signal);
      await checkFinished();
    });
  });

  describe('replan', () => {
    /** One scatter pass. */
    const roomy = { memory: 500 * 25 + 400, minSegment: 1 };
    const plans = ['_riffle/plan-2.json', '_riffle/plan.json'];

    it('adds a plan, which later starts adopt; all intermediates are cleaned up', async () => {
      const { run: old } = await runUpTo(1);
      const { run, adoptedPlan } = await prepare({ ...roomy, replan: true });
      assert.equal(run.plan.scatter.length, 1);
      assert.equal(adoptedPlan, false);
      assert.deepEqual(
        run.superseded.map(({ planDigest }) => planDigest),
        [old.planDigest],
      );
      assert.equal((await prepare({ ...roomy, replan: true })).run.planDigest, run.planDigest);
      const adopted = await prepare();
      assert.equal(adopted.run.planDigest, run.planDigest);
      assert.equal(adopted.adoptedPlan, true);
      assert.ok((await bucket.keys(output)).some((key) => key.includes(old.planDigest)));
      const result = await carryOut();
      assert.equal(result.scatterPasses, 1);
      await checkFinished(plans);

      assert.deepEqual((await prepare({ replan: true })).result, { ...result, adoptedPlan: true });
      await bucket.store.put(old.packedObject(1, 1), [Buffer.from('late')]);
      await prepare();
      await checkFinished(plans);
    });

    it('finds the finished shards in place, and compares them', async () => {
      await runUpTo();
      await prepare({ ...roomy, replan: true });
      const { done } = await runUpTo();
      assert.equal(done[1], 3, 'the tasks of the new plan');
      await carryOut();
      await checkFinished(plans);
    });

    it('goes back to an earlier plan, whose work it finds', async () => {
      await runUpTo(1);
      await prepare({ ...roomy, replan: true });
      const { run, completed } = await prepare({ replan: true });
      assert.equal(run.plan.scatter.length, 2);
      assert.equal(completed?.pass, 1);
      await carryOut();
      await checkFinished(['_riffle/plan-2.json', '_riffle/plan-3.json', '_riffle/plan.json']);
    });

    it('two that replan at once agree on one plan', async () => {
      await prepare();
      const wanted = [roomy, { memory: 700 * 25 + 400, minSegment: 1 }];
      const found = await Promise.all(wanted.map((options) => prepare({ ...options, replan: true })));
      assert.deepEqual((await bucket.keys(output)).sort(), plans);
      assert.equal(found[0]!.run.planDigest, found[1]!.run.planDigest);
    });

    it('a plan after a gap is nobody’s', async () => {
      await prepare();
      await bucket.store.put({ bucket: output.bucket, key: at('_riffle/plan-3.json') }, [Buffer.from('{}')]);
      await assert.rejects(prepare(), OutputForeign);
    });
  });

  it('damage of a pass whose own source is deleted is mended from the input', async () => {
    const { run } = await runUpTo(2);
    const { key } = run.packedObject(2, 0);
    await bucket.store.put({ bucket: output.bucket, key }, [Buffer.from('garbage')]);
    const first = (await bucket.keys(output)).filter((name) => /pass-1\/.*bin/.test(name));
    assert.deepEqual(first, [], 'pass 1 is deleted');
    await carryOut();
    await checkFinished();
  });

  it('two executions that do everything twice, in turn, end with one output', async () => {
    const { run } = await prepare();
    for (let pass = 1; pass <= run.geometry.passes; pass++) {
      await runPass(run, pass);
      await runPass(run, pass);
    }
    const first = await commitShuffle(bucket.store, run, false, signal);
    assert.deepEqual(await commitShuffle(bucket.store, run, false, signal), first);
    await cleanUp(bucket.store, run, signal);
    await checkFinished();
  });

  it('markers of folders and probes of others are no foreign objects', async () => {
    await bucket.store.put({ bucket: output.bucket, key: output.prefix }, [Buffer.alloc(0)]);
    await bucket.store.put({ bucket: output.bucket, key: at('_riffle/probe-of-another') }, [Buffer.from('x')]);
    await carryOut();
    await prepare();
    await remove(output.prefix);
    await checkFinished();
  });
});
