// The workflow visualize on real workers: its result, workers that are killed, what is damaged on the way.
import assert from 'node:assert/strict';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { assertFailed, startAndWait, successOf } from '../support/riffleCli.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';
import { readReference, uploadSample, type UploadedSample } from '../support/visualizeSample.js';

/** Several tasks in each stage. */
const cut = { tokenShards: 4, featureBlocks: 3, featuresPerPack: 512 };

describe('workflow visualize', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let sample: UploadedSample;
  let expected: Record<string, string>;
  let undisturbed: Prefix;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    sample = await uploadSample(bench.bucket);
    undisturbed = bench.bucket.newPlace();
  });
  after(() => bench.close());
  beforeEach(() => void bench.proxy.reset());

  const inputFor = (output: Prefix, options: object = {}): object => ({
    ...sample.input,
    ...cut,
    output: formatPrefix(output),
    ...options,
  });

  async function checkFinished(output: Prefix): Promise<void> {
    assert.deepEqual(await bench.digests(output), expected);
    const left = (await bench.bucket.keys(output)).filter((key) => key.startsWith('_riffle/'));
    assert.deepEqual(left, ['_riffle/plan.json']);
  }

  it('returns what there is, leaves only the run, and a second start returns the same', async () => {
    const started = await startAndWait('visualize', inputFor(undisturbed));
    const result = successOf(started);
    assert.ok(started.stderr.includes(`riffle browse ${formatPrefix(undisturbed)}\n`), started.stderr);
    const { fires } = readReference().per_feature;
    const dead = fires.filter((count) => count === 0).length;
    const { alive, dense, warnings, ...others } = result;
    assert.deepEqual(others, {
      format: 'riffle.visualize-result/1',
      output: formatPrefix(undisturbed),
      tokens: 8192,
      features: fires.length,
      dead,
    });
    // The massive activations that examples/README.md tells of.
    assert.match(
      String(warnings),
      /^\d+ of 8192 tokens that were looked at have an activation whose norm is more than 5 times the usual 1\d\d /,
    );
    assert.equal(Number(alive) + Number(dense) + dead, fires.length);
    expected = await bench.digests(undisturbed);
    assert.ok('index.html' in expected);
    await checkFinished(undisturbed);
    bench.proxy.reset();
    assert.deepEqual(successOf(await startAndWait('visualize', inputFor(undisturbed, { tokenShards: 2 }))), result);
    assert.equal(bench.proxy.count(/^PUT /), 0);
  });

  for (const pass of [1, 3, 4, 5, 6]) {
    it(`kill -9 of all workers in pass ${pass}`, async () => {
      const output = bench.bucket.newPlace();
      const { handle } = await bench.start(inputFor(output), 'visualize');
      await until(() => bench.checkpoints(output, pass) >= 1);
      await bench.killWorkers('SIGKILL');
      await bench.startWorkers(2);
      await handle.result();
      await checkFinished(output);
    });
  }

  it('what earlier tasks wrote and is damaged is written again', async () => {
    const output = bench.bucket.newPlace();
    const { handle } = await bench.start(inputFor(output), 'visualize');
    // Collected statistics are needed by the next stage, prepared weights until the last one.
    await until(() => bench.checkpoints(output, 3) >= 12);
    const keys = await bench.bucket.keys(output);
    for (const [pass, damage] of [
      [1, (bytes: Buffer) => void (bytes[100]! ^= 1)],
      [3, (bytes: Buffer) => void (bytes[bytes.length - 300]! ^= 1)],
    ] as const) {
      const key = keys.find((each) => each.includes(`/pass-${pass}/`) && each.endsWith('.bin'))!;
      const object = await bench.bucket.store.readWhole({ ...output, key: output.prefix + key }, 2 ** 30);
      const bytes = Buffer.from(object!.data);
      damage(bytes);
      await bench.bucket.store.put({ ...output, key: output.prefix + key }, [bytes]);
    }
    await handle.result();
    await checkFinished(output);
  });

  it('a run of which a file was deleted is not reported as done', async () => {
    const output = bench.bucket.newPlace();
    const features = '0-9';
    successOf(await startAndWait('visualize', inputFor(output, { features })));
    const files = (await bench.bucket.keys(output)).filter((key) => !/^(_riffle\/|run\.json$)/.test(key));
    const kinds = ['pages/00000.bin', 'search/00003.bin', 'table/max.bin', 'tokens/00000.bin', 'tokens/vocabulary.bin'];
    for (const file of kinds) {
      assert.ok(files.includes(file));
      const place = { bucket: output.bucket, key: output.prefix + file };
      const object = await bench.bucket.store.readWhole(place, 2 ** 30);
      await bench.bucket.store.delete(output.bucket, [place.key]);
      const run = await startAndWait('visualize', inputFor(output, { features }));
      assertFailed(run, 2, 'RunDamaged', new RegExp(`${file} is gone`));
      await bench.bucket.store.put(place, [object!.data]);
    }
    assert.equal(successOf(await startAndWait('visualize', inputFor(output, { features }))).features, 10);
  });

  it('another run on the same prefix is refused, and nothing is touched', async () => {
    const before = await bench.digests(undisturbed);
    const run = await startAndWait('visualize', inputFor(undisturbed, { seed: 'another' }));
    assertFailed(run, 2, 'LayoutMismatch', formatPrefix(undisturbed), /seed is "riffle" there and "another" now/);
    assert.deepEqual(await bench.digests(undisturbed), before);
  });
});
