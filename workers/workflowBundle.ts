import { fileURLToPath } from 'node:url';

/** Where the build puts the bundle of all workflow code. */
export const workflowBundlePath = fileURLToPath(new URL('../workflows.bundle.cjs', import.meta.url));
