import { draw } from './draw.js';
import { encode } from './encode.js';
import { hash } from './hash.js';
import { memory } from './memory.js';
import { pages } from './pages.js';
import { prediction } from './prediction.js';
import { select } from './select.js';
import { shares } from './shares.js';
import { shuffle } from './shuffle.js';
import { table } from './table.js';
import { tasks } from './tasks.js';
import { throttle } from './throttle.js';
import { visualize } from './visualize.js';

/** `npm run bench -- <name>`. Each bench prints a table and writes bench/results/<name>.json. */
const benches: Record<string, () => Promise<void>> = {
  draw,
  encode,
  hash,
  memory,
  pages,
  prediction,
  select,
  shares,
  shuffle,
  table,
  tasks,
  throttle,
  visualize,
};

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  console.error(`No bench is called "${name}". There are: ${Object.keys(benches).join(', ')}.`);
  process.exitCode = 2;
} else {
  await bench();
}
