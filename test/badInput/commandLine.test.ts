// The command line: what is not a command, an option or a reachable server. Fields of the inputs: inputFields.test.ts.
// Not covered: riffle dev and demo (test/dev.test.ts), S3 faults one by one (test/storage).
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDataset, objectsBelow } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import { assertFailed, documentOf, runRiffle, successOf } from '../support/riffleCli.js';
import type { CliRun } from '../support/riffleCli.js';
import { sharedServers, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';

/** Nothing listens at the discard port. */
const nowhere = '127.0.0.1:9';

describe('bad command lines and servers out of reach', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;
  let withoutS3: Promise<CliRun>;

  before(async () => {
    bucket = await openTestBucket();
    data = await makeDataset(bucket);
    // Its retries take a while; the other tests run meanwhile.
    const environment = { AWS_ENDPOINT_URL_S3: `http://${nowhere}` };
    withoutS3 = runRiffle(['describe', data.uri, '--json'], { environment });
  });
  after(() => {
    bucket.store.close();
  });

  it('riffle alone shows its help on stderr and exits 2; with --help on stdout and exits 0', async () => {
    const [alone, asked] = await Promise.all([runRiffle([]), runRiffle(['--help'])]);
    assert.equal(alone.exitCode, 2);
    assert.equal(alone.stdout, '');
    assert.equal(asked.exitCode, 0);
    assert.equal(asked.stderr, '');
    assert.equal(asked.stdout, alone.stderr);
    for (const command of ['dev', 'demo', 'put', 'describe', 'plan', 'start', 'verify']) {
      assert.match(asked.stdout, new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('riffle --version prints the version alone', async () => {
    const { exitCode, stdout, stderr } = await runRiffle(['--version']);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
    assert.deepEqual([exitCode, stderr], [0, '']);
  });

  for (const [args, says] of [
    [['strat'], /unknown command 'strat'.*start/],
    [['start', 'shuffle', '--inptu', 'x'], /unknown option '--inptu'.*--input/],
    [['start', 'shuffle'], /--input/],
    [['start'], /missing required argument 'type'/],
    [
      ['start', 'shufle', '--input', 'absent.json'],
      /"shufle" is no workflow type: use shuffle, visualize, pipeline, verify/,
    ],
    [['start', 'constructor', '--input', 'absent.json'], /"constructor" is no workflow type/],
    [['start', 'shuffle', '--input', 'absent.json'], /absent\.json cannot be read.*no such file/],
    [['start', 'shuffle', '--input', '.'], /input file \. cannot be read/],
    [['start', 'verify', 'more', '--input', 'x'], /too many arguments for 'start'/],
    [['plan', 'absent.json'], /absent\.json cannot be read/],
    [['describe'], /missing required argument 'uri'/],
    [['describe', '/some/folder'], /"\/some\/folder" is not an S3 URI: write s3:\/\/bucket\/prefix/],
    [['describe', 's3://riffle/a/../b'], /".." part/],
    [['describe', 's3://riffle/a', '--encoding', 'parquet'], /--encoding is "parquet": use safetensors, npy or raw/],
    [['describe', 's3://riffle/a', '--encoding', 'raw'], /--record-bytes/],
    [['describe', 's3://riffle/a', '--encoding', 'raw', '--record-bytes', '-4'], /--record-bytes is "-4"/],
    [['describe', 's3://riffle/a', '--record-bytes', '4'], /raw only/],
    [['verify', 's3://riffle/a'], /missing required argument 'output'/],
    [['verify', 's3://riffle/a', 'b'], /output is "b": "b" is not an S3 URI/],
    [['put', 'absent', 's3://riffle/a'], /absent cannot be read/],
  ] as const) {
    it(`riffle ${args.join(' ')}`, async () => {
      assertFailed(await runRiffle([...args, '--json']), 2, 'InvalidInput', says);
    });
  }

  it('without --json stdout stays empty, and stderr says the same', async () => {
    const { exitCode, stdout, stderr } = await runRiffle(['start', 'shuffle', '--input', 'absent.json']);
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /^riffle: The input file absent\.json cannot be read: .* \[InvalidInput\]\n$/);
  });

  it('a bucket that does not exist, named by input or output', async () => {
    for (const args of [
      ['describe', 's3://no-such-bucket/dump'],
      ['verify', data.uri, 's3://no-such-bucket/out'],
    ]) {
      assertFailed(await runRiffle([...args, '--json']), 2, 'NoSuchBucket', '"no-such-bucket"');
    }
  });

  it('a prefix without shards, a prefix without dataset.json', async () => {
    const absent = `${data.uri}/absent`;
    assertFailed(await runRiffle(['describe', absent, '--json']), 2, 'ShardsMissing', absent);
    const [verified, planned] = await Promise.all([
      runRiffle(['verify', absent, data.uri, '--json']),
      runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify({ ...data.input, input: absent }) }),
    ]);
    for (const run of [verified, planned]) {
      assertFailed(run, 2, 'DatasetMissing', `${absent}/dataset.json`, `riffle describe ${absent} --write`);
    }
  });

  it('credentials that the server does not know, a wrong secret, none', async () => {
    const before = await objectsBelow(bucket, data.place);
    for (const [environment, says] of [
      [{ AWS_ACCESS_KEY_ID: 'nobody' }, /AWS_ACCESS_KEY_ID/],
      [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, /AWS_SECRET_ACCESS_KEY/],
      [
        { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_EC2_METADATA_DISABLED: 'true' },
        /AWS_PROFILE/,
      ],
    ] as const) {
      const run = await runRiffle(['describe', data.uri, '--write', '--json'], { environment });
      assertFailed(run, 2, 'AccessDenied', `s3://${data.place.bucket}`, says);
    }
    assert.deepEqual(await objectsBelow(bucket, data.place), before);
  });

  it('Temporal that does not answer, an unknown namespace, an unknown profile', async () => {
    const stdin = JSON.stringify(data.input);
    const start = (environment: NodeJS.ProcessEnv): Promise<CliRun> =>
      runRiffle(['start', 'shuffle', '--input', '-', '--wait', '--json'], { stdin, environment });
    const { environment } = await sharedServers();
    const [unreachable, namespace, profile] = await Promise.all([
      start({ TEMPORAL_ADDRESS: nowhere }),
      start({ TEMPORAL_NAMESPACE: 'nowhere' }),
      start({ TEMPORAL_PROFILE: 'nobody' }),
    ]);
    assertFailed(unreachable, 2, 'TemporalUnreachable', nowhere, 'TEMPORAL_ADDRESS', 'riffle dev');
    assertFailed(namespace, 2, 'TemporalUnreachable', environment.TEMPORAL_ADDRESS, '"nowhere"', 'TEMPORAL_NAMESPACE');
    assertFailed(profile, 2, 'InvalidInput', 'nobody', 'temporal.toml');
    assert.deepEqual(await objectsBelow(bucket, data.output), {});
  });

  it('a bad input is named even where Temporal does not answer', async () => {
    const run = await runRiffle(['start', 'shuffle', '--input', '-', '--json'], {
      stdin: '{}',
      environment: { TEMPORAL_ADDRESS: nowhere },
    });
    assertFailed(run, 2, 'InvalidInput', 'seed is missing');
  });

  it('put: an object of other content stays as it is, and nothing else is uploaded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'riffle-put-'));
    try {
      await writeFile(join(folder, '00000.safetensors'), 'other bytes');
      await writeFile(join(folder, 'new.txt'), 'new');
      const before = await objectsBelow(bucket, data.place);
      const run = await runRiffle(['put', folder, data.uri, '--json']);
      assertFailed(run, 2, 'UploadConflict', '"00000.safetensors"', 'never overwrites');
      assert.deepEqual(await objectsBelow(bucket, data.place), before);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('every command prints one JSON document when it succeeds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'riffle-put-'));
    try {
      await writeFile(join(folder, 'notes.txt'), 'notes');
      const put = await runRiffle(['put', folder, data.uri, '--json']);
      assert.equal(successOf(put).uploaded, 1);
    } finally {
      await rm(folder, { recursive: true });
    }
    const described = await runRiffle(['describe', `${data.uri}/`, '--write', '--json']);
    assert.deepEqual(documentOf(described), JSON.parse(JSON.stringify(data.dataset)));
    assert.match(described.stderr, /1 objects? .*ignored/);
    const planned = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify(data.input) });
    assert.equal(successOf(planned).outputShards, 3);
    const bySize = { input: { rows: 1e11, recordBytes: 1024 } };
    const size = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify(bySize) });
    assert.equal(successOf(size).rows, 1e11);
  });

  it('S3 that does not answer is no refusal: exit 1, after some attempts', async () => {
    assertFailed(await withoutS3, 1, 'StorageUnavailable', data.uri, nowhere, /ECONNREFUSED/);
  });
});
