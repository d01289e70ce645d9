// Lists, aligned datasets and split outputs on the real stack: workflows, workers and S3, and what the commands say of
// them. What they refuse: test/badInput/severalDatasets.test.ts.
import assert from 'node:assert/strict';
import type { Column, Encoding } from '../../src/formats/dataset.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { codecOf, recordBytes } from '../../src/formats/encoding.js';
import { readDataset } from '../../src/formats/readDataset.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import type { AlignedResult, ShuffleResult } from '../../src/shuffle/commit.js';
import { withHeldOut } from '../../src/shuffle/split.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../src/storage/uri.js';
import type { Verdict } from '../../src/verify/verdict.js';
import type { Progress } from '../../src/workflows/contract.js';
import type { Fault } from '../support/faultProxy.js';
import { runRiffle, startAndWait, successOf } from '../support/riffleCli.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

const rows = 1200;
/** Records of 2,004, 4 and 64 bytes, each with its row number in its first four. */
const kinds: readonly (readonly [Encoding, readonly Column[]])[] = [
  [
    'safetensors',
    [
      { name: 'row', dtype: 'I32', shape: [] },
      { name: 'values', dtype: 'F16', shape: [1000] },
    ],
  ],
  ['npy', [{ name: 'data', dtype: 'I32', shape: [] }]],
  ['raw', [{ name: 'record', dtype: 'U8', shape: [64] }]],
];
/** 130 rows of the widest records are a block. Twelve output shards, of which the last two are held out. */
const cut = { seed: 'tests', outputShardRows: 100, memory: '300KiB', minSegment: 1, split: { heldOut: 0.1 } };

describe('several datasets', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  /** The last one is a list of two. */
  let inputs: (string | string[])[];

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    const [wide, narrow, raw] = kinds as [(typeof kinds)[0], (typeof kinds)[0], (typeof kinds)[0]];
    inputs = [
      await write(...wide, 0, [500, 700]),
      await write(...narrow, 0, [1200]),
      [await write(...raw, 0, [300, 1]), await write(...raw, 301, [899])],
    ];
  });
  after(() => bench.close());
  beforeEach(() => void bench.proxy.reset());

  /** Writes rows from `first` on as a dataset with shards of these sizes. */
  async function write(
    encoding: Encoding,
    columns: readonly Column[],
    first: number,
    shards: readonly number[],
  ): Promise<string> {
    const place = bench.bucket.newPlace();
    const width = encoding === 'raw' ? recordBytes({ columns }) : undefined;
    const codec = codecOf({ encoding, recordBytes: width });
    for (const [shard, count] of shards.entries()) {
      const data = columns.map((column, index) => {
        const bytes = recordBytes({ columns: [column] });
        const part = Buffer.alloc(count * bytes, shard + index);
        if (index === 0) for (let row = 0; row < count; row++) part.writeInt32LE(first + row, row * bytes);
        return part;
      });
      first += count;
      const file = Buffer.concat([codec.encodeHeader(columns, count), ...data]);
      await bench.bucket.store.put({ ...place, key: `${place.prefix}${shard}${codec.extension}` }, [file]);
    }
    const { dataset } = await describeDataset(bench.bucket.store, place, { encoding, recordBytes: width });
    await writeDataset(bench.bucket.store, place, dataset);
    return formatPrefix(place);
  }

  /** The row numbers in an output, shard after shard, the held-out ones last. */
  async function order(uri: string): Promise<number[]> {
    const { store } = bench.bucket;
    const place = parsePrefix(uri);
    const dataset = await withHeldOut(store, place, await readDataset(store, place));
    const [column] = dataset.columns;
    const width = recordBytes({ columns: [column!] });
    const found: number[] = [];
    for (const { key, header, rows: count } of dataset.shards) {
      const bytes = Buffer.alloc(count * width);
      const range = { start: header, end: header + bytes.length };
      await store.readInto({ bucket: place.bucket, key: place.prefix + key }, range, bytes);
      for (let row = 0; row < count; row++) found.push(bytes.readInt32LE(row * width));
    }
    return found;
  }

  const alignedInput = (outputs: readonly Prefix[]): object => ({
    aligned: outputs.map((output, index) => ({ input: inputs[index]!, output: formatPrefix(output) })),
    ...cut,
  });

  /** Does something when a request like `pattern` comes; then the request goes on, unless that throws. */
  const when = (pattern: RegExp, action: () => Promise<void>): Promise<void> =>
    new Promise((resolve, reject) => {
      const fault: Fault = async ({ response, forward }) => {
        try {
          await action();
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return void response.destroy();
        }
        const { status, headers, body } = await forward();
        response.writeHead(status, headers).end(body);
      };
      bench.proxy.plan(pattern, fault);
    });

  it('aligned ones get one order, as riffle plan foretells', async () => {
    const outputs = kinds.map(() => bench.bucket.newPlace());
    const input = alignedInput(outputs);
    const { handle } = await bench.start(input);
    const second = outputs[1]!;
    const shown = when(new RegExp(`^PUT /${second.bucket}/${second.prefix}.*\\.npy`), async () => {
      const { dataset, datasets, stage } = await handle.query<Progress>('progress');
      assert.deepEqual([dataset, datasets, stage], [2, 3, 'gather']);
      assert.ok((await bench.bucket.keys(outputs[0]!)).includes('dataset.json'));
    });
    const result = (await handle.result()) as AlignedResult;
    await shown;
    assert.deepEqual(
      result.aligned.map(({ output, rows: count, heldOut }) => [output, count, heldOut]),
      outputs.map((output) => [formatPrefix(output), rows, { rows: 200, shards: 2 }]),
    );
    assert.ok(result.aligned[0]!.scatterPasses > 0 && result.aligned[1]!.scatterPasses === 0);

    const orders = await Promise.all(outputs.map((output) => order(formatPrefix(output))));
    assert.deepEqual(
      [...orders[0]!].sort((a, b) => a - b),
      [...Array(rows).keys()],
    );
    assert.notDeepEqual(orders[0], [...Array(rows).keys()]);
    assert.deepEqual(orders[1], orders[0]);
    assert.deepEqual(orders[2], orders[0]);

    const plan = successOf<{ aligned: { layout: string; plan: string; passes: object[] }[] }>(
      await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify(input) }),
    );
    assert.deepEqual(
      plan.aligned.map(({ layout, plan, passes }) => [layout, plan, passes.length - 1]),
      result.aligned.map(({ layout, plan, scatterPasses }) => [layout, plan, scatterPasses]),
    );

    bench.proxy.reset();
    assert.deepEqual(successOf(await startAndWait('shuffle', input)), result);
    assert.equal(bench.proxy.count(/^(PUT|POST|DELETE) /), 0, 'a repeated start does nothing');
  });

  it('setParallelism and retryFailed reach the aligned dataset whose turn it is', async () => {
    const { store } = bench.bucket;
    const outputs = [bench.bucket.newPlace(), bench.bucket.newPlace()] as const;
    const { bucket, prefix } = parsePrefix(inputs[1] as string);
    const shard = { bucket, key: `${prefix}0.npy` };
    const { data } = (await store.readWhole(shard, 1e6))!;
    const { handle } = await bench.start({ ...alignedInput(outputs), onFailure: 'wait' });
    const poisoned = when(new RegExp(`^PUT /${bucket}/${outputs[1].prefix}_riffle/plan\\.json`), async () => {
      await handle.executeUpdate('setParallelism', { args: [0] });
      await store.put(shard, [Buffer.alloc(data.length)]);
    });
    await poisoned;
    const progress = (): Promise<Progress> => handle.query<Progress>('progress');
    await until(async () => (await progress()).stage === 'gather' && (await progress()).dataset === 2);
    assert.deepEqual((await progress()).tasks, { done: 0, running: 0, failed: 0, total: 1 });
    await handle.executeUpdate('setParallelism', { args: [1] });
    await until(async () => (await progress()).tasks.failed === 1);
    await store.put(shard, [data]);
    assert.equal(await handle.executeUpdate<number, []>('retryFailed'), 1);
    await handle.result();
    assert.deepEqual(await order(formatPrefix(outputs[1])), await order(formatPrefix(outputs[0])));
  });

  it('a member alone, with the same numbers, gets the same files', async () => {
    const outputs = [bench.bucket.newPlace(), bench.bucket.newPlace(), bench.bucket.newPlace()];
    const { handle } = await bench.start(alignedInput(outputs));
    const { aligned } = (await handle.result()) as AlignedResult;
    const alone = bench.bucket.newPlace();
    const input = { ...cut, blockRows: 130, input: inputs[2]!, output: formatPrefix(alone), memory: '20KiB' };
    const result = successOf<ShuffleResult>(await startAndWait('shuffle', input));
    assert.equal(result.layout, aligned[2]!.layout);
    assert.ok(result.scatterPasses > 0);
    assert.deepEqual(await bench.digests(alone), await bench.digests(outputs[2]!));
  });

  it('a list and a split output are verified as a whole, by command and workflow', async () => {
    const output = formatPrefix(bench.bucket.newPlace());
    successOf(await startAndWait('shuffle', { ...cut, input: inputs[2]!, output }));
    const list = inputs[2] as string[];
    const here = successOf<Verdict>(await runRiffle(['verify', ...list, output, '--json']));
    assert.deepEqual([here.ok, here.rows, here.outputRows, here.order.shuffled], [true, rows, rows, true]);
    const there = successOf<Verdict>(await startAndWait('verify', { input: list, output }));
    assert.deepEqual(there, here);
    const part = await runRiffle(['verify', ...list, `${output}/held-out`, '--json']);
    assert.equal(part.exitCode, 1);
    assert.equal((JSON.parse(part.stdout) as Verdict).outputRows, 200);
  });

  it('a split shuffle that ends between its two commits goes on from there', async () => {
    const undisturbed = bench.bucket.newPlace();
    await bench.shuffle(undisturbed, { split: { heldOut: 0.2 } });
    const expected = await bench.digests(undisturbed);

    const output = bench.bucket.newPlace();
    const { handle, workflowId } = await bench.start(bench.input(output, { split: { heldOut: 0.2 } }));
    const ended = when(new RegExp(`^PUT /${output.bucket}/${output.prefix}dataset\\.json`), async () => {
      await bench.client.workflow.getHandle(workflowId).terminate('test');
      await bench.killWorkers('SIGKILL');
      throw new Error('no request goes on');
    });
    await assert.rejects(ended, /no request goes on/);
    await assert.rejects(handle.result());
    const keys = await bench.bucket.keys(output);
    assert.ok(keys.includes('held-out/dataset.json') && !keys.includes('dataset.json'));

    await bench.startWorkers(2);
    bench.proxy.reset();
    const result = await bench.shuffle(output, { split: { heldOut: 0.2 } });
    assert.equal(bench.dataPuts(output), 0, 'no task is done again');
    assert.deepEqual([result.rows, result.shards, result.heldOut], [8192, 16, { rows: 2048, shards: 4 }]);
    assert.deepEqual(await bench.digests(output), expected);
  });
});
