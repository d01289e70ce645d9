/** `riffle plan` as people and programs see it: the text's sums, and tables of one's own. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planCommand } from '../../src/cli/plan.js';
import type { PlanCommandOptions } from '../../src/cli/plan.js';
import { InvalidInput } from '../../src/errors.js';
import type { AlignedPlan } from '../../src/shuffle/alignedPlan.js';
import type { PlanSummary } from '../../src/shuffle/planSummary.js';
import type { VisualizePlanSummary } from '../../src/visualize/planSummary.js';

/** The parts of the shipped table that these tests change. */
interface Table {
  s3: { get: number | string };
  rates: { cpuSeconds: { gather: { byte: number } } };
  instances: object[];
  [name: string]: unknown;
}

describe('riffle plan', () => {
  let folder: string;
  let table: Table;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'riffle-plan-'));
    await writeFile(
      join(folder, 'in.json'),
      JSON.stringify({ input: { rows: 1e11, recordBytes: 1024 }, memory: '12GiB' }),
    );
  });
  beforeEach(async () => {
    table = JSON.parse(await readFile('prices.json', 'utf8')) as Table;
  });
  after(() => rm(folder, { recursive: true }));

  async function file(value: unknown): Promise<string> {
    const path = join(folder, 'table.json');
    await writeFile(path, JSON.stringify(value));
    return path;
  }

  async function plan(options: PlanCommandOptions = {}): Promise<{ plan: PlanSummary; text: string }> {
    const { json, text } = await planCommand(join(folder, 'in.json'), options);
    return { plan: json as PlanSummary, text };
  }

  it('prints sums that can be worked out again', async () => {
    const { text } = await plan();
    const checked = text.split('\n').filter((line) => /^(compute|GET|PUT|storage) /.test(line));
    assert.equal(checked.length, 4);
    for (const line of checked) {
      const [sum = '', dollars = ''] = line
        .replace(/^\w+/, '')
        .replaceAll(/[≈$,]|machines?|GiB-hours|HEAD|LIST|h to start|h/g, '')
        .split('=');
      // What is left are numbers, parentheses and the four operations.
      assert.match(sum, /^[\d\s.+×/()]+$/, line);
      const worked = evaluate(sum);
      assert.ok(Math.abs(worked - Number(dollars)) <= 0.005 + 1e-9 * worked, `${line}: ${worked}`);
    }
  });

  it('takes a table of one’s own', async () => {
    const before = await plan({ machines: '20', instance: 'm7g.4xlarge' });
    table.s3.get = 0.0008;
    const after = await plan({ machines: '20', instance: 'm7g.4xlarge', prices: await file(table) });
    assert.ok(Math.abs(after.plan.dollars.get / before.plan.dollars.get - 2) < 1e-9);
    assert.equal(after.plan.dollars.compute, before.plan.dollars.compute);
    assert.deepEqual(after.plan.requests, before.plan.requests);
  });

  it('takes rates from a file', async () => {
    const fleet = { machines: '20', instance: 'm7g.4xlarge' };
    const before = await plan(fleet);
    table.rates.cpuSeconds.gather.byte *= 100;
    const after = await plan({ ...fleet, rates: await file(table.rates) });
    assert.equal(after.plan.passes[0]!.seconds, before.plan.passes[0]!.seconds);
    assert.ok(after.plan.passes[1]!.seconds > before.plan.passes[1]!.seconds);
    // More processors would not help: five tasks are all that its memory holds.
    assert.equal(after.plan.passes[1]!.bound, 'memory');
  });

  it('plans pages by sizes alone, in the singular, too', async () => {
    const path = join(folder, 'pages.json');
    const write = (change: object): Promise<void> =>
      writeFile(
        path,
        JSON.stringify({
          activations: { rows: 1e8, width: 576 },
          sae: { features: 4608, width: 576 },
          unembedding: { tokens: 49_152 },
          ...change,
        }),
      );
    await write({});
    const { json, text } = await planCommand(path, {});
    const pages = json as VisualizePlanSummary;
    assert.equal(pages.tokens, 1e8);
    assert.equal(pages.features, 4608);
    assert.ok(pages.peakMemoryBytes <= 2 * 2 ** 30);
    const collect = pages.stages.find(({ name }) => name === 'collect')!;
    assert.equal(collect.flops, 2 * 1e8 * 4608 * 576);
    // Activations in float16 and integers of every row, for each feature block.
    assert.ok(collect.bytesRead >= pages.featureBlocks * 1e8 * (2 * 576 + 16));
    assert.match(text, /^4,608 features over 100,000,000 tokens: \d+ feature blocks? × \d+ token shards?\n/);
    await write({ activations: { rows: 1, width: 8 }, sae: { features: 1 }, tokenizer: { tokens: 10 } });
    assert.match((await planCommand(path, {})).text, /^1 feature over 1 token: 1 feature block × 1 token shard\n/);
    await write({ sae: { features: 4608, width: 512 } });
    await assert.rejects(planCommand(path, {}), InvalidInput);
    await write({ sae: { features: 8, k: 9 } });
    await assert.rejects(planCommand(path, {}), InvalidInput);
    await write({ activations: { rows: 0, width: 8 } });
    await assert.rejects(planCommand(path, {}), /activations\.rows is 0/);
  });

  it('adds up aligned datasets', async () => {
    const rows = 1e10;
    const aligned = [1024, 64].map((recordBytes) => ({ input: { rows, recordBytes } }));
    const path = join(folder, 'aligned.json');
    await writeFile(path, JSON.stringify({ aligned, memory: '12GiB' }));
    const { json, text } = await planCommand(path, {});
    const plan = json as AlignedPlan;
    const [wide, narrow] = plan.aligned as [PlanSummary, PlanSummary];
    assert.equal(narrow.outputShards, wide.outputShards);
    for (const field of ['hours', 'gibibyteHours', 'recordBytes'] as const) {
      assert.equal(plan[field], wide[field] + narrow[field]);
    }
    for (const kind of ['get', 'head', 'put', 'list', 'delete'] as const) {
      assert.equal(plan.requests[kind], wide.requests[kind] + narrow.requests[kind]);
    }
    const { total, compute, get, put, storage, perTerabyte } = plan.dollars;
    assert.ok(Math.abs(wide.dollars.total + narrow.dollars.total - total) < 1e-9 * total);
    assert.ok(Math.abs(compute + get + put + storage - total) < 1e-9 * total);
    assert.ok(Math.abs((perTerabyte * rows * (1024 + 64)) / 1e12 - total) < 1e-9 * total);
    assert.equal(plan.peakMemoryBytes, Math.max(wide.peakMemoryBytes, narrow.peakMemoryBytes));
    assert.deepEqual(
      plan.passes.map(({ dataset, kind }) => `${dataset} ${kind}`),
      ['1 scatter', '1 gather', '2 scatter', '2 gather'],
    );
    // All that a plan of one dataset says, but for what each of them has of its own.
    const own = ['fleet', 'alternatives'];
    for (const field of Object.keys(wide)) assert.equal(field in plan, !own.includes(field), field);
    assert.match(text, /^10000000000 records of 64 bytes$/m);
    assert.match(text, /^Together, one after the other:$/m);
  });

  for (const [what, change, says] of [
    [
      'an amount that is no number',
      () => (table.s3.get = 'cheap'),
      /price table .* s3.get is "cheap": expected a number/,
    ],
    ['no instance', () => (table.instances = []), /instances is \[\]: expected at least one instance/],
    ['a field that it does not know', () => (table.rebate = 0.1), /has no field "rebate"/],
  ] as const) {
    it(`refuses a table with ${what}`, async () => {
      change();
      await assert.rejects(plan({ prices: await file(table) }), (error) => {
        assert.ok(error instanceof InvalidInput);
        assert.match(error.message, says);
        return true;
      });
    });
  }

  it('refuses a number of machines that is none', async () => {
    for (const machines of ['0', '1.5', 'many']) await assert.rejects(plan({ machines }), /--machines is/);
  });
});

/** The value of sums, products and quotients in which only sums stand in parentheses. */
function evaluate(text: string): number {
  const flat = text.replaceAll(/\(([^()]*)\)/g, (_, sum: string) =>
    String(sum.split('+').reduce((total, part) => total + Number(part), 0)),
  );
  const [first = '', ...rest] = flat.trim().split(/\s*([×/])\s*/);
  let value = Number(first);
  for (let i = 0; i < rest.length; i += 2)
    value = rest[i] === '×' ? value * Number(rest[i + 1]) : value / Number(rest[i + 1]);
  return value;
}
