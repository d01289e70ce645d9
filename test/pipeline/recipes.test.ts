// The recipes of docs/operations.md for the Temporal CLI: every command under "Finding runs" and "Verifying every night" is
// run as it stands there, with names of this test in the place of its examples.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { putDirectory } from '../../src/formats/put.js';
import { packageFolder } from '../../src/packageFolder.js';
import { findBinaries } from '../../src/stack/binaries.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { runProgram } from '../support/riffleCli.js';
import { sampleCut, ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

describe('recipes for the Temporal CLI', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let dump: Prefix;
  let shuffled: Prefix;
  /** Ids of runs by what they are an example of. */
  const runs: Record<string, string> = {};

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    [dump, shuffled] = [bench.bucket.newPlace(), bench.bucket.newPlace()];
    await putDirectory(bench.bucket.store, 'examples/dump', dump);
    const start = async (name: string, input: object, type = 'pipeline'): ReturnType<ShuffleBench['start']> => {
      const started = await bench.start(input, type);
      runs[name] = started.workflowId;
      return started;
    };
    const toDump = { dump: formatPrefix(dump) };
    const shuffleTo = (place: Prefix): object => ({ output: formatPrefix(place), ...sampleCut });

    await (await start('pipeline', { ...toDump, shuffle: shuffleTo(shuffled) })).handle.result();
    const other = { ...shuffleTo(shuffled), seed: 'other' };
    await assert.rejects((await start('failed', { ...toDump, shuffle: other })).handle.result());
    const nowhere = formatPrefix(bench.bucket.newPlace());
    const waitFor = { object: `${nowhere}/_SUCCESS` };
    const late = { dump: nowhere, waitFor, shuffle: shuffleTo(bench.bucket.newPlace()) };
    const { handle: waiting } = await start('waiting', late);
    await until(async () => (await waiting.query<Progress>('progress')).stage === 'wait');
    const copy = await changedCopy();
    await (
      await start('rejected', { input: formatPrefix(dump), output: formatPrefix(copy) }, 'verify')
    ).handle.result();

    // The checks before a run look at lengths and ETags; a shard that is replaced later fails the tasks that read it.
    const output = bench.bucket.newPlace();
    const { handle } = await start('stuck', bench.input(output, { memory: '3MiB', onFailure: 'wait' }), 'shuffle');
    await handle.executeUpdate('setParallelism', { args: [0] });
    await until(async () => (await handle.query<Progress>('progress')).stage === 'scatter');
    const shard = { ...bench.sample, key: `${bench.sample.prefix}00003.safetensors` };
    const { data } = (await bench.bucket.store.readWhole(shard, 1e9))!;
    await bench.bucket.store.put(shard, [new Uint8Array(data.length)]);
    await handle.executeUpdate('setParallelism', { args: [2] });
    await until(async () => (await handle.query<Progress>('progress')).tasks.failed > 0);
    runs.output = formatPrefix(output);
  });
  after(() => bench.close());

  /** The dump with one record altered, as a dataset. */
  async function changedCopy(): Promise<Prefix> {
    const place = bench.bucket.newPlace();
    for (const key of await bench.bucket.keys(dump)) {
      const { data } = (await bench.bucket.store.readWhole({ ...dump, key: dump.prefix + key }, 1e9))!;
      const bytes = Buffer.from(data);
      if (key === '00000.safetensors') bytes[bytes.length - 1]! ^= 1;
      if (key !== 'dataset.json') await bench.bucket.store.put({ ...place, key: place.prefix + key }, [bytes]);
    }
    const copied = {
      dump: formatPrefix(place),
      shuffle: { output: formatPrefix(bench.bucket.newPlace()), ...sampleCut },
    };
    await (await bench.start(copied, 'pipeline')).handle.result();
    return place;
  }

  /** The commands of a section, each with the comment before it. */
  async function commandsOf(section: string): Promise<Map<string, string>> {
    const text = await readFile(join(packageFolder(), 'docs', 'operations.md'), 'utf8');
    const [, block] = new RegExp(`^### ${section}\n[^]*?^\`\`\`sh\n([^]*?)^\`\`\``, 'm').exec(text)!;
    const names = block!
      .replaceAll('my-pipeline', runs.pipeline!)
      .replaceAll('s3://riffle/sample/dump', formatPrefix(dump))
      .replaceAll('"s3://riffle/shuffled"', `"${formatPrefix(shuffled)}"`)
      .replaceAll('s3://riffle/shuffled', runs.output!)
      .replaceAll(/\bnightly\b/g, `nightly-${shuffled.prefix.slice(0, -1)}`)
      .replaceAll('\\\n', ' ');
    const commands = new Map<string, string>();
    let comment = '';
    for (const line of names.split('\n').filter((each) => each !== '')) {
      if (!line.startsWith('#')) commands.set(comment || line, line);
      comment = line.startsWith('#') ? line : '';
    }
    return commands;
  }

  async function shell(command: string): Promise<string> {
    const { temporal } = await findBinaries();
    const environment = { PATH: `${dirname(temporal)}${delimiter}${process.env.PATH}` };
    const run = await runProgram('bash', ['-c', command], tmpdir(), { environment });
    assert.equal(run.exitCode, 0, `${command}: ${run.stderr}`);
    return run.stdout;
  }

  it('each query of "Finding runs" finds its run, and not the others', async () => {
    const { pipeline, failed, waiting, rejected, stuck } = runs;
    const examples: [RegExp, (string | undefined)[], (string | undefined)[]][] = [
      [/^# What runs now/, [waiting, stuck], [pipeline, failed, rejected]],
      [/^# Runs with failed tasks/, [stuck], [pipeline, failed, waiting, rejected]],
      [/^# Pipelines that wait/, [waiting], [pipeline, failed, rejected, stuck]],
      [/^# Everything that one run/, [pipeline, `${pipeline}/shuffle`], [failed, waiting, rejected, stuck]],
      [/^# Who works on an output/, [await bench.lockOf(stuck!)], [pipeline, stuck]],
      [/^# What failed since/, [failed, `${failed}/shuffle`], [pipeline, waiting, stuck]],
      [/^# Verifications that/, [rejected], [pipeline, failed, waiting, stuck]],
    ];
    const commands = await commandsOf('Finding runs');
    assert.equal(examples.length, commands.size);
    for (const [name, these, others] of examples) {
      const [, command] = [...commands].find(([comment]) => name.test(comment))!;
      let ids: (string | undefined)[] = [];
      // Visibility follows the runs a moment later.
      await until(async () => {
        const listed = JSON.parse(await shell(`${command} -o json`)) as { execution: { workflowId: string } }[];
        ids = listed.map(({ execution }) => execution.workflowId);
        return these.every((id) => ids.includes(id));
      });
      for (const id of others) assert.ok(!ids.includes(id), `${command} finds ${id}`);
    }
  }).timeout(60_000);

  it('a schedule verifies an output, with a run of its own each time', async () => {
    const [create, trigger, list] = [...(await commandsOf('Verifying every night')).values()] as [
      string,
      string,
      string,
    ];
    await shell(create);
    const schedule = /--schedule-id (\S+)/.exec(create)![1]!;
    try {
      const done = async (): Promise<unknown[]> => {
        const runs = JSON.parse(await shell(`${list} -o json`)) as { status: string }[];
        return runs.filter(({ status }) => status === 'WORKFLOW_EXECUTION_STATUS_COMPLETED');
      };
      await shell(trigger);
      await until(async () => (await done()).length === 1);
      await shell(trigger);
      await until(async () => (await done()).length === 2);
    } finally {
      await shell(`temporal schedule delete --schedule-id ${schedule}`);
    }
  });
});
