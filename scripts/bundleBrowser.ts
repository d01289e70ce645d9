import { build } from 'esbuild';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { packageFolder } from '../src/packageFolder.js';

// The feature browser as files that any web server serves: index.html, the service worker, and assets whose names hold
// their contents' hash. All URLs are relative, so the run that holds them may lie anywhere.
const web = join(packageFolder(), 'web');
const folder = join(packageFolder(), 'dist', 'web');
const common = { bundle: true, minify: true, target: 'es2022', legalComments: 'none', write: true } as const;

// Assets of an earlier build have other names.
await rm(folder, { recursive: true, force: true });
const { metafile } = await build({
  ...common,
  entryPoints: [join(web, 'src', 'main.tsx'), join(web, 'styles', 'main.css')],
  outdir: folder,
  entryNames: 'assets/[name]-[hash]',
  chunkNames: 'assets/[name]-[hash]',
  assetNames: 'assets/[name]-[hash]',
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  metafile: true,
});

const outputs = Object.entries(metafile.outputs).map(([path, output]) => ({
  file: `assets/${basename(path)}`,
  ...output,
}));
const assets = outputs.map(({ file }) => file).sort();
const tags = outputs.flatMap(({ file, entryPoint, imports }) => {
  if (entryPoint?.endsWith('main.css')) return [`<link rel="stylesheet" href="${file}" />`];
  if (!entryPoint?.endsWith('main.tsx')) return [];
  // What the entry imports is fetched beside it, not after it.
  const imported = imports.filter(({ kind }) => kind === 'import-statement');
  return [
    ...imported.map(({ path }) => `<link rel="modulepreload" href="assets/${basename(path)}" />`),
    `<script type="module" src="${file}"></script>`,
  ];
});
const page = await readFile(join(web, 'index.html'), 'utf8');
await writeFile(join(folder, 'index.html'), page.replace('</head>', `  ${tags.sort().join('\n    ')}\n  </head>`));

await build({
  ...common,
  entryPoints: [join(web, 'serviceWorker', 'serviceWorker.ts')],
  outfile: join(folder, 'serviceWorker.js'),
  format: 'iife',
  define: { SHELL_FILES: JSON.stringify(['index.html', ...assets]) },
});

console.log(`${relative(packageFolder(), folder)}: index.html, serviceWorker.js and ${assets.length} assets`);
