/**
 * Keeps the files of the app itself, so that a run that was visited once opens without its server. What the app reads of
 * the run it keeps by itself (src/offlineFiles.ts).
 */
declare const self: ServiceWorkerGlobalScope;
export {};

/** The app's files, relative to its folder; the build fills them in. Assets are named by their contents. */
declare const SHELL_FILES: readonly string[];

const cacheName = `riffle-shell ${self.registration.scope}`;

self.addEventListener('install', (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOthers().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const file = shellFile(event.request.url);
  if (event.request.method !== 'GET' || file === undefined) return;
  // Assets never change under their names; index.html does, so the server's word counts while there is one.
  event.respondWith(file === 'index.html' ? fromServer(event.request) : fromCache(event.request, file));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll(SHELL_FILES.map((file) => new Request(file, { cache: 'no-cache' })));
}

/** Removes what an earlier version of the app left. */
async function dropOthers(): Promise<void> {
  const cache = await caches.open(cacheName);
  for (const request of await cache.keys()) {
    if (shellFile(request.url) === undefined) await cache.delete(request);
  }
}

/** The app's file that a URL names; the folder itself is index.html. */
function shellFile(url: string): string | undefined {
  const { origin, pathname } = new URL(url);
  const scope = new URL(self.registration.scope);
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return undefined;
  const file = pathname.slice(scope.pathname.length) || 'index.html';
  return SHELL_FILES.includes(file) ? file : undefined;
}

async function fromServer(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(cacheName)).match('index.html');
    if (kept) return kept;
    throw error;
  }
}

async function fromCache(request: Request, file: string): Promise<Response> {
  const kept = await (await caches.open(cacheName)).match(file);
  return kept ?? fetch(request);
}
