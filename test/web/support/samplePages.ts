import type { FeaturePage } from '../../../src/pages/page.js';
import { runRiffle } from '../../support/riffleCli.js';
import { sampleRun } from './sampleRun.js';

let printed: Promise<readonly FeaturePage[]> | undefined;

/** What `riffle feature --json` prints of every feature of the sample's run: the truth that views are compared with. */
export function samplePages(): Promise<readonly FeaturePage[]> {
  printed ??= print();
  return printed;
}

async function print(): Promise<readonly FeaturePage[]> {
  const { uri } = await sampleRun();
  const { stdout } = await runRiffle(['feature', uri, '0-2303', '--json']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FeaturePage);
}
