// The workflow pipeline on real workers: what it makes of a dump, what a second start does, dumps that are incomplete or
// have changed, parts that fail, steering and cancelling.
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { describeStart } from '../../src/cli/start.js';
import { putDirectory } from '../../src/formats/put.js';
import type { PipelineResult } from '../../src/pipeline/result.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { assertFailed, runTemporal, startAndWait, successOf } from '../support/riffleCli.js';
import { sampleCut, ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';
import { uploadSample } from '../support/visualizeSample.js';

/** Two scatter passes of 16 tasks, then a gather pass. */
const cut = { ...sampleCut, memory: '800KiB', minSegment: '64KiB' };
/** Several tasks in each stage. */
const pages = { tokenShards: 4, featureBlocks: 3, featuresPerPack: 512 };

describe('workflow pipeline', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let sources: Record<string, unknown>;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    const { input } = await uploadSample(bench.bucket);
    sources = Object.fromEntries(Object.entries({ ...input, ...pages }).filter(([name]) => name !== 'activations'));
  });
  after(() => bench.close());
  beforeEach(() => void bench.proxy.reset());

  /** The shards of the sample, without dataset.json. */
  async function newDump(): Promise<Prefix> {
    const dump = bench.bucket.newPlace();
    await putDirectory(bench.bucket.store, 'examples/dump', dump);
    return dump;
  }

  const at = (place: Prefix, key: string): { bucket: string; key: string } => ({
    bucket: place.bucket,
    key: place.prefix + key,
  });
  const shuffleTo = (output: Prefix, options: object = {}): object => ({
    output: formatPrefix(output),
    ...cut,
    ...options,
  });
  const visualizeTo = (output: Prefix, options: object = {}): object => ({
    ...sources,
    output: formatPrefix(output),
    ...options,
  });

  async function change(place: Prefix, key: string, alter: (data: Buffer) => void): Promise<void> {
    const { data } = (await bench.bucket.store.readWhole(at(place, key), 1e9))!;
    const bytes = Buffer.from(data);
    alter(bytes);
    await bench.bucket.store.put(at(place, key), [bytes]);
  }

  it('describes the dump, does both parts, and a second start returns the same without work', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(shuffled), visualize: visualizeTo(features) };
    const result = successOf<PipelineResult>(await startAndWait('pipeline', input));
    assert.match(result.dataset, /^[0-9a-f]{64}$/);
    assert.deepEqual(
      { ...result, dataset: '', shuffle: result.shuffle?.rows, visualize: result.visualize?.tokens },
      {
        format: 'riffle.pipeline-result/1',
        dump: formatPrefix(dump),
        dataset: '',
        rows: 8192,
        shards: 4,
        bytes: 9569728,
        warnings: [],
        shuffle: 8192,
        visualize: 8192,
        links: {
          dump: `${formatPrefix(dump)}/dataset.json`,
          shuffle: `${formatPrefix(shuffled)}/dataset.json`,
          visualize: `${formatPrefix(features)}/index.html`,
        },
      },
    );
    for (const link of Object.values(result.links)) {
      const key = link.replace(`s3://${dump.bucket}/`, '');
      assert.ok(await bench.bucket.store.head({ bucket: dump.bucket, key }), `nothing at ${link}`);
    }
    // The same files as from the workflows by themselves.
    const alone = bench.bucket.newPlace();
    await (await bench.start({ input: formatPrefix(dump), ...shuffleTo(alone) })).handle.result();
    assert.deepEqual(await bench.digests(shuffled), await bench.digests(alone));

    bench.proxy.reset();
    assert.deepEqual(successOf(await startAndWait('pipeline', input)), result);
    // Resources are no settings.
    const resources = { ...input, shuffle: shuffleTo(shuffled, { parallelism: 1 }), waitFor: { object: 's3://a-b/c' } };
    const others = { ...resources, visualize: visualizeTo(features, { parallelism: 1 }) };
    assert.deepEqual(successOf(await startAndWait('pipeline', others)), result);
    assert.equal(bench.proxy.count(/^(PUT|POST) /), 0);
  });

  it('other settings never return an old result', async () => {
    const [dump, output] = [await newDump(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(output) };
    successOf(await startAndWait('pipeline', input));
    const before = await bench.digests(output);
    const run = await startAndWait('pipeline', { ...input, shuffle: shuffleTo(output, { seed: 'another' }) });
    assertFailed(
      run,
      2,
      'LayoutMismatch',
      `shuffle of ${formatPrefix(dump)} to ${formatPrefix(output)} failed: `,
      /seed/,
    );
    assert.deepEqual(await bench.digests(output), before);
  });

  it('a dump that was uploaded again with other content is refused, with its old dataset.json and with a new one', async () => {
    const [dump, output] = [await newDump(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(output) };
    successOf(await startAndWait('pipeline', input));
    const before = await bench.digests(output);

    await change(dump, '00002.safetensors', (data) => void (data[5000]! ^= 1));
    assertFailed(await startAndWait('pipeline', input), 2, 'ObjectChanged', '00002.safetensors', 'dataset.json');
    await bench.bucket.store.delete(dump.bucket, [`${dump.prefix}dataset.json`]);
    const described = await startAndWait('pipeline', input);
    assertFailed(described, 2, 'LayoutMismatch', formatPrefix(output), 'input shard 2 has etag');
    assert.deepEqual(await bench.digests(output), before);
  });

  it('a shard that came after dataset.json is no part of the dump, and is not left out silently', async () => {
    const [dump, output] = [await newDump(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(output) };
    successOf(await startAndWait('pipeline', input));
    const { data } = (await bench.bucket.store.readWhole(at(dump, '00003.safetensors'), 1e9))!;
    await bench.bucket.store.put(at(dump, '00004.safetensors'), [data]);
    assertFailed(await startAndWait('pipeline', input), 2, 'DatasetInvalid', '"00004.safetensors"', 'lists 4 shards');
  });

  it('waits for the marker of a dump that is being written', async () => {
    const [dump, output] = [bench.bucket.newPlace(), bench.bucket.newPlace()];
    const marker = at(dump, '_SUCCESS');
    const object = `s3://${marker.bucket}/${marker.key}`;
    const input = { dump: formatPrefix(dump), waitFor: { object, hours: 1 }, shuffle: shuffleTo(output) };
    const { handle } = await bench.start(input, 'pipeline');
    await until(async () => (await pendingFailure(handle))?.includes(`${object} is not there yet`) === true);
    assert.equal((await handle.query<Progress>('progress')).stage, 'wait');
    const { events } = await handle.fetchHistory();
    await putDirectory(bench.bucket.store, 'examples/dump', dump);
    assert.equal((await handle.query<Progress>('progress')).stage, 'wait');
    await bench.bucket.store.put(marker, [Buffer.from('done')]);
    const { rows } = (await handle.result()) as PipelineResult;
    assert.equal(rows, 8192);
    const all = (await handle.fetchHistory()).events!;
    const looks = all.filter(
      ({ activityTaskScheduledEventAttributes: task }) => task?.activityType?.name === 'awaitDump',
    );
    assert.equal(looks.length, 1, 'looking again and again leaves no events');
    assert.ok(events!.length < all.length);
  });

  it('can be cancelled while it waits', async () => {
    const object = `${formatPrefix(bench.bucket.newPlace())}/never`;
    const dump = formatPrefix(await newDump());
    const input = { dump, waitFor: { object }, shuffle: shuffleTo(bench.bucket.newPlace()) };
    const { handle } = await bench.start(input, 'pipeline');
    await until(async () => (await pendingFailure(handle)) !== undefined);
    await handle.cancel();
    await assert.rejects(handle.result(), /cancelled/i);
  });

  it('warns of shards whose names count another way than their rows', async () => {
    const [dump, output] = [bench.bucket.newPlace(), bench.bucket.newPlace()];
    const { data } = (await bench.bucket.store.readWhole(at(bench.sample, '00000.safetensors'), 1e9))!;
    for (const key of ['2.safetensors', '10.safetensors']) await bench.bucket.store.put(at(dump, key), [data]);
    const { handle } = await bench.start({ dump: formatPrefix(dump), shuffle: shuffleTo(output) }, 'pipeline');
    const { warnings } = (await handle.result()) as PipelineResult;
    assert.match(
      String(warnings),
      /^Rows follow the byte order of the keys: 10\.safetensors comes before 2\.safetensors\./,
    );
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    assert.ok(currentDetails.includes(`Warning: ${String(warnings)}`), currentDetails);
  });

  it('gives up waiting in the end, and says for what', async () => {
    const [dump, output] = [await newDump(), bench.bucket.newPlace()];
    const object = `${formatPrefix(dump)}/_SUCCESS`;
    const waitFor = { object, hours: 0.001 };
    const run = await startAndWait('pipeline', { dump: formatPrefix(dump), waitFor, shuffle: shuffleTo(output) });
    assertFailed(run, 2, 'DumpIncomplete', `${object} did not appear within 0.001 h`);
    assert.deepEqual(await bench.bucket.keys(output), []);
    assert.ok(!(await bench.bucket.keys(dump)).includes('dataset.json'), 'an incomplete dump is not described');
  });

  it('a part that fails does not stop the other, and the failure says which, where and what is done', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const [from, to] = [formatPrefix(dump), formatPrefix(shuffled)];
    const sae = `${from}/nothing-here`;
    const broken = { dump: from, shuffle: shuffleTo(shuffled), visualize: visualizeTo(features, { sae }) };
    const run = await startAndWait('pipeline', broken);
    const error = assertFailed(run, 1, 'SaeMissing', `visualize of ${from} to ${formatPrefix(features)} failed: `, sae);
    assert.ok(error.message.endsWith(`The part shuffle is done: ${to}.`), error.message);
    const { shuffle, visualize } = error.parts as { shuffle: { rows: number }; visualize: { code: string } };
    assert.deepEqual([error.part, shuffle.rows, visualize.code], ['visualize', 8192, 'SaeMissing']);

    // Both refused before anything was moved.
    const nothing = { ...broken, shuffle: shuffleTo(bench.bucket.newPlace(), { memory: '1KiB' }) };
    const both = assertFailed(
      await startAndWait('pipeline', nothing),
      2,
      'MemoryTooSmall',
      'SAE',
      ' And visualize of ',
    );
    assert.equal(both.part, 'shuffle');

    bench.proxy.reset();
    const mended = { ...broken, visualize: visualizeTo(features) };
    const result = successOf<PipelineResult>(await startAndWait('pipeline', mended));
    assert.equal(result.visualize?.tokens, 8192);
    assert.equal(bench.dataPuts(shuffled), 0, 'the part that was done is not done again');
  });

  it('setParallelism and retryFailed reach the parts; details, query and search attributes show them', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const wait = { onFailure: 'wait' };
    const { handle } = await bench.start(
      { dump: formatPrefix(dump), shuffle: shuffleTo(shuffled, wait), visualize: visualizeTo(features, wait) },
      'pipeline',
    );
    const { workflowId } = handle;
    await handle.executeUpdate('setParallelism', { args: [0] });
    await until(async () => {
      const { parts } = await handle.query<Progress>('progress');
      return parts?.shuffle?.stage === 'scatter' && parts.visualize?.stage === 'prepare' && parts.visualize.pass === 1;
    });
    await until(async () => (await bench.pendingOf(workflowId)) === 0);
    const before = bench.checkpoints(shuffled, 1) + bench.checkpoints(features, 1);
    // A shard of another length makes the tasks that read it fail for good.
    const { data } = (await bench.bucket.store.readWhole(at(dump, '00001.safetensors'), 1e9))!;
    await bench.bucket.store.put(at(dump, '00001.safetensors'), [Buffer.alloc(data.length)]);
    assert.equal(before, bench.checkpoints(shuffled, 1) + bench.checkpoints(features, 1));

    await handle.executeUpdate('setParallelism', { args: [4] });
    const failedOf = async (): Promise<number[]> => {
      const { parts } = await handle.query<Progress>('progress');
      return [parts?.shuffle?.tasks.failed ?? 0, parts?.visualize?.tasks.failed ?? 0];
    };
    await until(async () => {
      const { parts } = await handle.query<Progress>('progress');
      const tasks = [parts!.shuffle!.tasks, parts!.visualize!.tasks];
      return tasks.every(({ done, failed, total }) => failed > 0 && done + failed === total);
    });
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    for (const part of [
      '| part | stage | tasks done |',
      '| shuffle | scatter (pass 1 of 3) |',
      `temporal workflow update execute --workflow-id ${workflowId}/shuffle --name retryFailed`,
      `temporal workflow update execute --workflow-id ${workflowId}/visualize --name retryFailed`,
      '00001.safetensors',
    ]) {
      assert.ok(currentDetails.includes(part), `no ${part} in ${currentDetails}`);
    }
    const query = `WorkflowId = "${workflowId}" AND RiffleFailedTasks > 0 AND RiffleStage = "shuffle and visualize"`;
    await until(async () => {
      const listed = await runTemporal(['workflow', 'list', '--query', query, '-o', 'json']);
      assert.equal(listed.exitCode, 0, listed.stderr);
      return (JSON.parse(listed.stdout) as unknown[]).length === 1;
    });

    await bench.bucket.store.put(at(dump, '00001.safetensors'), [data]);
    const [one, other] = await failedOf();
    assert.equal(await handle.executeUpdate('retryFailed'), one! + other!);
    const result = (await handle.result()) as PipelineResult;
    assert.equal(result.shuffle?.rows, result.visualize?.tokens);
    assert.equal((await handle.query<Progress>('progress')).stage, 'done');
    const { events } = await handle.fetchHistory();
    assert.ok(events!.length < 1000, `${events!.length} events`);
  });

  it('the parts share the slots of the workers', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(shuffled), visualize: visualizeTo(features) };
    const { handle } = await bench.start(input, 'pipeline');
    const most = await bench.mostPending(handle.workflowId, handle.result());
    assert.ok(most >= 2 && most <= 4, `${most} activities were pending at once, with 2 slots`);
  });

  it('cancel ends both parts soon, keeps what was done, and leaves no half of an output', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(shuffled), visualize: visualizeTo(features) };
    const waiting = startAndWait('pipeline', input);
    await until(() => bench.checkpoints(shuffled, 1) >= 2 && bench.checkpoints(features, 1) >= 1);
    const handle = bench.client.workflow.getHandle(describeStart('pipeline', input).workflowId);
    await handle.cancel();
    assertFailed(await waiting, 1, 'WorkflowFailed', /was ended: .*cancel/i, 'Start it again with the same input');
    for (const part of ['shuffle', 'visualize']) {
      const { status } = await bench.client.workflow.getHandle(`${handle.workflowId}/${part}`).describe();
      assert.equal(status.name, 'CANCELLED');
    }
    const done = bench.checkpoints(shuffled, 1);
    assert.ok(!(await bench.bucket.keys(shuffled)).includes('dataset.json'));
    assert.ok(!(await bench.bucket.keys(features)).includes('run.json'));
    bench.proxy.reset();
    successOf(await startAndWait('pipeline', input));
    assert.ok(bench.checkpoints(shuffled, 1) + done <= 16, 'what was done is not done again');
  });

  it('terminated, it can be started again at once, and does what is missing', async () => {
    const [dump, shuffled, features] = [await newDump(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const input = { dump: formatPrefix(dump), shuffle: shuffleTo(shuffled), visualize: visualizeTo(features) };
    const { handle } = await bench.start(input, 'pipeline');
    await until(() => bench.checkpoints(shuffled, 1) >= 2 && bench.checkpoints(features, 1) >= 1);
    await handle.terminate('test');
    const result = successOf<PipelineResult>(await startAndWait('pipeline', input));
    assert.equal(result.shuffle?.rows, result.visualize?.tokens);
    // Two tasks may have been in work when it was ended.
    assert.ok(bench.checkpoints(shuffled, 1) <= 16 + 2, `${bench.checkpoints(shuffled, 1)} tasks of 16 were done`);
  });

  /** Why the one pending activity of a workflow was tried again. */
  async function pendingFailure(handle: WorkflowHandle): Promise<string | undefined> {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.[0]?.lastFailure?.message ?? undefined;
  }
});
