/**
 * Prints by how many bytes this process grew at most while it opened an encoder and encoded a few batches.
 * Arguments: input width, features.
 */
import { readFileSync } from 'node:fs';
import { Encoder } from '../../src/encoder/encoder.js';
import type { EncodedSae } from '../../src/encoder/weights.js';
import { WorkMemory } from '../../src/memory/workMemory.js';

function status(field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line![1]) * 1024;
}

const [inputWidth, features] = process.argv.slice(2).map(Number) as [number, number];
const sae: EncodedSae = { architecture: 'standard', inputWidth, features, normalization: 'none', inputScale: 1 };
const before = status('VmRSS');
const read = (from: number, to: number): Promise<{ encoder: Float32Array; encoderBias: Float32Array }> =>
  Promise.resolve({
    encoder: new Float32Array((to - from) * inputWidth).fill(1),
    encoderBias: new Float32Array(to - from),
  });
const memory = new WorkMemory();
const encoder = await Encoder.open(sae, read, memory, {
  from: 0,
  to: features,
  rowType: 'F16',
  compute: { provider: 'cpu', threads: 1 },
  shapes: 'any',
});
const batch = { address: memory.take(256 * inputWidth * 2), count: 256, firstRow: 0 };
for (let i = 0; i < 6; i++) await encoder.encode(batch, () => undefined);
console.log(status('VmHWM') - before);
