import { CellDraws, cellDoubles } from '../src/shuffle/cellDraws.js';
import { report } from './report.js';

const POPULATIONS = [512, 1e4, 1e6, 1e9, 1e11, 1e14];

/** How long each population is measured, in milliseconds. */
const DURATION = 1000;

interface DrawTime {
  population: number;
  draws: number;
  nanosecondsPerDraw: number;
}

/** Measures one draw of the table at halves of several populations, random bits included. */
export async function draw(): Promise<void> {
  // All populations first, as in a task, so that the compiler has seen small and large counts.
  for (const population of POPULATIONS) measure(population, DURATION / 10);
  const times = POPULATIONS.map((population) => measure(population, DURATION));
  await report(
    'draw',
    times,
    times.map((time) => ({
      population: time.population.toExponential(),
      'time per draw': readable(time.nanosecondsPerDraw),
      draws: time.draws,
    })),
  );
}

function measure(population: number, milliseconds: number): DrawTime {
  const sampler = new CellDraws('bench');
  const half = population / 2;
  const start = performance.now();
  let draws = 0;
  let elapsed = 0;
  while (elapsed < milliseconds) {
    const batch = sampler.batch(draws, Math.max(1, Math.floor(1e6 / Math.sqrt(population) / 10)));
    for (let i = 0; i < batch; i++) sampler.cells.fill(half, i * cellDoubles, (i + 1) * cellDoubles);
    sampler.draw(1, draws, 1, batch);
    draws += batch;
    elapsed = performance.now() - start;
  }
  return { population, draws, nanosecondsPerDraw: Math.round((elapsed / draws) * 1e6) };
}

function readable(nanoseconds: number): string {
  if (nanoseconds < 1e3) return `${nanoseconds} ns`;
  return nanoseconds < 1e6 ? `${(nanoseconds / 1e3).toFixed(1)} µs` : `${(nanoseconds / 1e6).toFixed(1)} ms`;
}
