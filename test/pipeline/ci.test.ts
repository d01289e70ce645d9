// The recipes of docs/ci: the shell script on the shared stack, and what the GitHub Actions workflow relies on.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { putDirectory } from '../../src/formats/put.js';
import { packageFolder } from '../../src/packageFolder.js';
import { parsePipelineInput } from '../../src/pipeline/input.js';
import type { PipelineResult } from '../../src/pipeline/result.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { documentOf, runProgram, type CliRun } from '../support/riffleCli.js';
import { sampleCut, ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';

const script = join(packageFolder(), 'docs', 'ci', 'after-dump.sh');
const riffle = `${process.execPath} ${join(packageFolder(), 'dist', 'src', 'cli', 'main.js')}`;

describe('CI recipe, shell', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let dump: Prefix;
  let output: Prefix;
  let folder: string;
  let first: PipelineResult;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    [dump, output] = [bench.bucket.newPlace(), bench.bucket.newPlace()];
    await putDirectory(bench.bucket.store, 'examples/dump', dump);
    folder = await mkdtemp(join(tmpdir(), 'riffle-ci-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
    await bench.close();
  });
  beforeEach(async () => {
    bench.proxy.reset();
    await rm(join(folder, 'summary.md'), { force: true });
  });

  const inputFor = (to: Prefix, options: object = {}): object => ({
    dump: formatPrefix(dump),
    shuffle: { output: formatPrefix(to), ...sampleCut, ...options },
  });

  async function runScript(input: object, environment: NodeJS.ProcessEnv = {}): Promise<CliRun & { summary: string }> {
    await writeFile(join(folder, 'pipeline.json'), JSON.stringify(input));
    const run = await runProgram('bash', [script, 'pipeline.json'], folder, {
      environment: { RIFFLE: riffle, ...environment },
    });
    return { ...run, summary: await readFile(join(folder, 'summary.md'), 'utf8').catch(() => '') };
  }

  const lastLine = ({ stderr }: CliRun): string => stderr.trimEnd().split('\n').at(-1)!;
  const dataRequests = (): number => bench.proxy.count(/^(PUT|POST|DELETE) /);

  it('the first run does the work and publishes where to look', async () => {
    const run = await runScript(inputFor(output));
    assert.equal(run.exitCode, 0, run.stderr);
    first = documentOf<PipelineResult>(run);
    assert.equal(first.shuffle?.rows, 8192);
    assert.ok(bench.dataPuts(output) > 0);
    assert.match(run.summary, /Workflow \[pipeline-[0-9a-f]{16}\]\(http.*\/workflows\/pipeline-[0-9a-f]{16}\)/);
    assert.ok(run.summary.includes(`- shuffled: ${formatPrefix(output)}/dataset.json (16 shards)`), run.summary);
  });

  it('the second run returns the same result without work', async () => {
    const run = await runScript(inputFor(output));
    assert.equal(run.exitCode, 0, run.stderr);
    assert.deepEqual(documentOf(run), first);
    assert.equal(dataRequests(), 0);
  });

  it('changed settings run anew, to another output', async () => {
    const other = bench.bucket.newPlace();
    const run = await runScript(inputFor(other, { seed: 'another' }));
    assert.equal(run.exitCode, 0, run.stderr);
    assert.ok(bench.dataPuts(other) > 0);
    assert.notEqual(documentOf<PipelineResult>(run).shuffle?.layout, first.shuffle?.layout);
  });

  it('changed settings on the same output are refused: exit code 2', async () => {
    const run = await runScript(inputFor(output, { seed: 'another' }));
    assert.equal(run.exitCode, 2);
    assert.match(lastLine(run), /^riffle: shuffle of .* belongs to another shuffle: .* \[LayoutMismatch\]$/);
    assert.match(run.summary, /\*\*Failed\*\* \(LayoutMismatch\): shuffle of /);
    assert.equal(dataRequests(), 0);
  });

  it('an input that is not valid is refused before Temporal is asked: exit code 2', async () => {
    const run = await runScript({ dump: formatPrefix(dump) }, { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    assert.equal(run.exitCode, 2);
    assert.match(lastLine(run), /^riffle: The pipeline input is not valid: shuffle is missing: .* \[InvalidInput\]$/);
  });

  it('a failed run exits with 1, with the reason on the last line', async () => {
    const other = bench.bucket.newPlace();
    const missing = `${formatPrefix(dump)}/no-sae`;
    const visualize = { sae: missing, tokenizer: missing, output: formatPrefix(bench.bucket.newPlace()) };
    const run = await runScript({ ...inputFor(other), visualize });
    assert.equal(run.exitCode, 1);
    const end = `The part shuffle is done: ${formatPrefix(other)}. [SaeMissing]`;
    assert.ok(lastLine(run).startsWith(`riffle: visualize of ${formatPrefix(dump)} to `), lastLine(run));
    assert.ok(lastLine(run).endsWith(end), lastLine(run));
    assert.ok(lastLine(run).includes(missing), lastLine(run));
  });

  it('a run that takes too long is left to go on: exit code 124', async () => {
    const never = { object: `${formatPrefix(dump)}/never`, hours: 1 };
    const fresh = bench.bucket.newPlace();
    await bench.bucket.store.put({ ...fresh, key: `${fresh.prefix}a.npy` }, [new Uint8Array(1)]);
    const input = { ...inputFor(bench.bucket.newPlace()), dump: formatPrefix(fresh), waitFor: never };
    const run = await runScript(input, { LIMIT: '3s' });
    assert.equal(run.exitCode, 124);
    assert.match(lastLine(run), /^Not done after 3s\. The workflow goes on: run this again/);
    const [workflowId] = /pipeline-[0-9a-f]{16}/.exec(run.summary)!;
    const handle = bench.client.workflow.getHandle(workflowId);
    assert.equal((await handle.describe()).status.name, 'RUNNING');
    await handle.terminate('test');
  });
});

describe('CI recipe, GitHub Actions', () => {
  interface Job {
    readonly 'timeout-minutes': number;
    readonly steps: readonly { readonly run?: string; readonly env?: Record<string, string> }[];
  }

  it('runs the script that is there, with a limit that ends before the job', async () => {
    const text = await readFile(join(packageFolder(), 'docs', 'ci', 'github-actions.yml'), 'utf8');
    const { jobs, concurrency } = parse(text) as { jobs: { pipeline: Job }; concurrency: Record<string, unknown> };
    assert.equal(concurrency['cancel-in-progress'], false);
    const last = jobs.pipeline.steps.find(({ run }) => run?.startsWith('riffle/docs/ci/after-dump.sh pipeline.json'))!;
    assert.ok(Number(/^(\d+)h$/.exec(last.env!.LIMIT!)![1]) * 60 < jobs.pipeline['timeout-minutes']);
    assert.equal(last.env!.RIFFLE, 'node riffle/dist/src/cli/main.js');
  });

  it('writes an input that is valid', async () => {
    const text = await readFile(join(packageFolder(), 'docs', 'ci', 'github-actions.yml'), 'utf8');
    const { jobs } = parse(text) as { jobs: { pipeline: Job } };
    const step = jobs.pipeline.steps.find(({ env }) => env?.DUMP)!;
    const folder = await mkdtemp(join(tmpdir(), 'riffle-ci-'));
    const environment = { DUMP: 's3://activations/2026-11-22/' };
    const run = await runProgram('bash', ['-e', '-c', step.run!], folder, { environment });
    assert.equal(run.exitCode, 0, run.stderr);
    const input: unknown = JSON.parse(await readFile(join(folder, 'pipeline.json'), 'utf8'));
    await rm(folder, { recursive: true });
    assert.equal(parsePipelineInput(input).shuffle?.output, 's3://activations/2026-11-22-shuffled');
  });
});
