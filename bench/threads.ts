import { Worker } from 'node:worker_threads';

/** Starts a thread that runs a TypeScript module. */
export function startThread(module: URL, workerData?: unknown): Worker {
  // Node 20 runs TypeScript in threads only by way of the loader's registration.
  const bootstrap = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(module.href)}); });`;
  return new Worker(bootstrap, { eval: true, workerData });
}

/** Sends an order to a thread and waits for its answer. */
export function order(worker: Worker, message: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (answer) => {
      worker.off('error', reject);
      resolve(answer);
    });
    worker.postMessage(message);
  });
}
