#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { parseSize } from '../sizes.js';
import { browse } from './browse.js';
import type { BrowseOptions } from './browse.js';
import { demo } from './demo.js';
import { describeCommand } from './describe.js';
import type { DescribeCommandOptions } from './describe.js';
import { dev } from './dev.js';
import { packageVersion } from '../packageFolder.js';
import { loadEnvironment } from './environment.js';
import { InvalidInput } from '../errors.js';
import { featureCommand } from './feature.js';
import { present } from './output.js';
import type { Outcome } from './output.js';
import { planCommand } from './plan.js';
import type { PlanCommandOptions } from './plan.js';
import { putCommand } from './put.js';
import { setup } from './setup.js';
import { start } from './start.js';
import type { StartOptions } from './start.js';
import { verifyCommand } from './verify.js';

/** Commands that make their servers themselves must not use those of a `riffle dev`. */
const ownServers = new Set(['dev', 'demo']);

const program = new Command('riffle')
  .description('Exactly uniform shuffles of activation dumps in S3, as durable Temporal workflows.')
  .version(packageVersion(), '-V, --version', 'print the version')
  .showHelpAfterError('(riffle --help lists commands and options)')
  .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
  .exitOverride()
  .hook('preAction', async (_, command) => {
    if (!ownServers.has(command.name())) await loadEnvironment();
  });

program
  .command('dev')
  .description('run Temporal, an S3 server and workers on this machine until Ctrl-C')
  .option('--workers <count>', 'worker processes', '1')
  .option('--memory <size>', 'memory budget of each worker', '4GiB')
  .action(({ workers, memory }: { workers: string; memory: string }) =>
    finish(false, async () => {
      const exitCode = await dev({ workers: workerCount(workers), memoryBytes: parseSize(memory, '--memory') });
      return { json: null, text: '', exitCode };
    }),
  );

program
  .command('demo')
  .description('shuffle and verify the sample on an embedded stack')
  .option('--keep', 'leave everything up afterwards', false)
  .action((options: { keep: boolean }) =>
    finish(false, async () => ({ json: null, text: '', exitCode: await demo(options) })),
  );

program
  .command('put <dir> <uri>')
  .description('upload a directory; identical objects are skipped, others never overwritten')
  .option('--json', 'print JSON', false)
  .action((dir: string, uri: string, { json }: { json: boolean }) => finish(json, () => putCommand(dir, uri)));

program
  .command('describe <uri>')
  .description('describe the shards under a prefix as a dataset')
  .option('--write', 'write dataset.json', false)
  .option('--encoding <name>', 'safetensors, npy or raw [by the names of the files]')
  .option('--record-bytes <n>', 'bytes of a record, for raw')
  .option('--json', 'print JSON', false)
  .action((uri: string, options: DescribeCommandOptions & { json: boolean }) =>
    finish(options.json, () => describeCommand(uri, options)),
  );

program
  .command('plan <input>')
  .description('show how a shuffle would be carried out (input: JSON file, - for standard input)')
  .option('--prices <file>', 'price table to use [prices.json of the package]')
  .option('--rates <file>', 'measured rates to use [those of the price table]')
  .option('--instance <name>', 'machines of this kind [the cheapest of the price table]')
  .option('--machines <count>', 'so many machines [the cheapest number]')
  .option('--json', 'print JSON', false)
  .action((input: string, options: PlanCommandOptions & { json: boolean }) =>
    finish(options.json, () => planCommand(input, options)),
  );

program
  .command('start <type>')
  .description('start a workflow: shuffle, visualize, pipeline or verify; one that runs already is joined')
  .option('--input <file>', "the workflow's input: JSON file, - for standard input")
  .option('--wait', 'wait for the result', false)
  .option('--json', 'print JSON', false)
  .action((type: string, options: StartOptions & { json: boolean }) =>
    finish(options.json, () => start(type, options)),
  );

program
  .command('setup')
  .description('register the search attributes of the workflows in a Temporal namespace')
  .option('--json', 'print JSON', false)
  .action(({ json }: { json: boolean }) => finish(json, setup));

program
  .command('verify <input> <output...>')
  .usage('[options] <input...> <output>')
  .description('prove that one dataset is a permutation of another (or of several as one), and test its order')
  .option('--json', 'print JSON', false)
  .action((first: string, others: string[], { json }: { json: boolean }) =>
    finish(json, () => verifyCommand([first, ...others])),
  );

program
  .command('feature <run> <index...>')
  .description('print pages of features of a visualize run: 7, or 1,5,10-19')
  .option('--json', 'print JSON, one page a line', false)
  .action((run: string, indexes: string[], { json }: { json: boolean }) =>
    finish(json, () => featureCommand(run, indexes)),
  );

program
  .command('browse <run>')
  .description('serve the feature browser for a visualize run on this machine, and open it, until Ctrl-C')
  .option('--port <number>', 'port on 127.0.0.1 [any that is free]')
  .option('--no-open', 'do not open a browser')
  .option('--json', 'print JSON', false)
  .action((run: string, options: BrowseOptions) => finish(options.json, () => browse(run, options)));

async function finish(json: boolean, command: () => Promise<Outcome>): Promise<void> {
  process.exitCode = await present(json, command);
}

function workerCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 256) return count;
  throw new InvalidInput(`--workers is ${JSON.stringify(text)}: write a whole number from 1 to 256.`);
}

/** A command line that commander refuses: with `--json` the refusal is JSON, too. */
function refuse(error: CommanderError): number {
  if (error.exitCode === 0) return 0;
  if (!process.argv.includes('--json')) return 2;
  // commander has told people already.
  const { code, message } = new InvalidInput(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  process.stdout.write(`${JSON.stringify({ error: { code, message } }, undefined, 2)}\n`);
  return 2;
}

try {
  await program.parseAsync();
} catch (error) {
  const fail = (): never => {
    throw error;
  };
  process.exitCode =
    error instanceof CommanderError ? refuse(error) : await present(process.argv.includes('--json'), fail);
}
