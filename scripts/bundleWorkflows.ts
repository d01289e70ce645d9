import { bundleWorkflowCode } from '@temporalio/worker';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workflowBundlePath } from '../workers/workflowBundle.js';

// Bundling takes seconds; workers start at once with a bundle that the build made.
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../src/workflows/index.js', import.meta.url)),
  logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
});
mkdirSync(dirname(workflowBundlePath), { recursive: true });
writeFileSync(workflowBundlePath, code);
