import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFolder } from '../../../src/packageFolder.js';
import { serveFolder, type WebServer } from './servers.js';

/**
 * A run of its own with the app beside it, on a file server.
 * @param run a folder with the run's files; it is not changed
 * @param change damages the copy before it is served
 */
export async function serveCopy(
  run: string,
  change: (folder: string) => Promise<void> = async () => {},
): Promise<WebServer> {
  const folder = await mkdtemp(join(tmpdir(), 'riffle-run-'));
  await cp(run, folder, { recursive: true });
  await cp(join(packageFolder(), 'dist', 'web'), folder, { recursive: true });
  await change(folder);
  const server = await serveFolder(folder);
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
