import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { AppMissing } from '../errors.js';
import { packageFolder } from '../packageFolder.js';

/** A file of the feature browser's app, as browsers are to get it. */
export interface AppFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly cacheControl: string;
}

/** Files by their names relative to a run's prefix, such as `assets/index-B1xQ2c.js`. */
export type App = ReadonlyMap<string, AppFile>;

/** The page that people open; it names all other files. */
export const indexFile = 'index.html';

/** Keeps the app for times without a connection; it must stand beside index.html. */
export const serviceWorkerFile = 'serviceWorker.js';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * The app as the build left it.
 * @throws AppMissing where riffle was not built
 */
export async function readApp(folder: string = join(packageFolder(), 'dist', 'web')): Promise<App> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.split(sep).join('/'))
    .sort();
  if (!names.includes(indexFile)) {
    throw new AppMissing(
      `The feature browser is not built: there is no ${join(folder, indexFile)}. Run \`npm run build\` in ${packageFolder()}.`,
      { folder },
    );
  }
  return new Map(await Promise.all(names.map(async (name) => [name, await readAppFile(folder, name)] as const)));
}

async function readAppFile(folder: string, name: string): Promise<AppFile> {
  const contentType = contentTypes[extname(name)];
  if (contentType === undefined || !isAppFile(name)) throw new Error(`${join(folder, name)} is no file of the app`);
  return {
    bytes: await readFile(join(folder, name)),
    contentType,
    cacheControl: hasDigest(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
}

/** Whether a file's name holds a digest of its content, so that it never changes. */
export function hasDigest(name: string): boolean {
  return name.startsWith('assets/');
}

/** Whether a key, relative to a run's prefix, is that of a file of the app, in this or another version of riffle. */
export function isAppFile(key: string): boolean {
  return /^(?:index\.html|serviceWorker\.js|assets\/[\w-]+(?:\.[\w-]+)+)$/.test(key);
}
