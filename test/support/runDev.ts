/** Runs `dev()` in a process of its own, with stand-in workers. Argument: the folder. */
import { dev } from '../../src/cli/dev.js';
import { RiffleError } from '../../src/errors.js';

const [folder = '.'] = process.argv.slice(2);
try {
  process.exitCode = await dev({
    workers: 2,
    memoryBytes: 2 ** 30,
    folder,
    workerCommand: [process.execPath, '--import', 'tsx', 'test/support/standInWorker.ts'],
  });
} catch (error) {
  if (!(error instanceof RiffleError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = error.refusal ? 2 : 1;
}
