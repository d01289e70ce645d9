import open from 'open';
import { InvalidInput } from '../errors.js';
import { RunReader } from '../pages/runReader.js';
import { storedRunFiles } from '../pages/storedRunFiles.js';
import { readApp } from '../site/app.js';
import { serveRun } from '../site/runServer.js';
import { createS3Store } from '../storage/s3.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import { say, type Outcome } from './output.js';
import { stopSignals } from './stopSignals.js';

export interface BrowseOptions {
  readonly port?: string;
  /** Whether to open a browser. */
  readonly open: boolean;
  readonly json: boolean;
}

/** People wait at the other end: less patience than that of tasks. */
const attempts = 4;

/**
 * `riffle browse RUN`: serves the feature browser for a run on loopback until SIGINT, SIGTERM or SIGHUP.
 * @throws InvalidInput, AppMissing, RunMissing, RunInvalid and errors of the store
 */
export async function browse(uri: string, options: BrowseOptions): Promise<Outcome> {
  const place = parsePrefix(uri);
  const port = portOf(options.port);
  const app = await readApp();
  const stop = stopSignals(() => undefined);
  const store = createS3Store({ attempts });
  try {
    const run = formatPrefix(place);
    const { description } = await RunReader.open(storedRunFiles(store, place), run, stop.signal);
    const server = await serveRun({ store, place, app, port, onFailure: say });
    try {
      const { url } = server;
      const features = description.features.count;
      process.stdout.write(options.json ? `${JSON.stringify({ url, run, features }, undefined, 2)}\n` : `${url}\n`);
      say(`${features} features of ${run}, served on this machine only, until Ctrl-C.`);
      if (options.open) await openBrowser(url);
      await aborted(stop.signal);
    } finally {
      await server.close();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    store.close();
    stop.release();
  }
  // All is printed.
  return { json: null, jsonLines: [], text: '' };
}

/** @throws InvalidInput */
function portOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidInput(`--port is ${JSON.stringify(text)}: write a number from 1 to 65535.`);
}

async function openBrowser(url: string): Promise<void> {
  const { DISPLAY, WAYLAND_DISPLAY, WSL_DISTRO_NAME } = process.env;
  const hasDisplay = process.platform !== 'linux' || Boolean(DISPLAY || WAYLAND_DISPLAY || WSL_DISTRO_NAME);
  if (!hasDisplay) {
    say('There is no display to open a browser on: open the link yourself.');
    return;
  }
  await open(url).catch((error: unknown) => {
    say(`No browser could be opened (${(error as Error).message}): open the link yourself.`);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
