import type { RunFiles } from '../../src/pages/runFiles.js';
import { keptRunFiles } from './keptRunFiles.js';
import { runPlace } from './runPlace.js';

/**
 * Whether this browser can keep the app and what was opened: over HTTPS and on loopback, and where people allow it. Not
 * what `riffle browse` serves: pages of a private bucket would stay with an address that other programs may have tomorrow.
 */
export function canWorkOffline(): boolean {
  return runPlace() === '' && 'serviceWorker' in navigator && 'caches' in globalThis;
}

/** Has the app itself kept (serviceWorker.ts). A failure changes nothing while the server is there. */
export function keepApp(): void {
  if (!canWorkOffline()) return;
  // What the first page needs comes first.
  addEventListener('load', () => void navigator.serviceWorker.register('serviceWorker.js').catch(() => undefined));
}

/**
 * A run's files, kept in this browser as they are read where it can.
 * @param url of the run
 * @param tell is told whether the last answer was a kept one
 */
export async function keepRun(files: RunFiles, url: string, tell: (kept: boolean) => void): Promise<RunFiles> {
  if (!canWorkOffline()) return files;
  try {
    return keptRunFiles(files, await caches.open(`riffle-run ${url}`), tell);
  } catch {
    return files;
  }
}
