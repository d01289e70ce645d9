/** An encoder's memory, which the planner counts on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { encoderBytes } from '../../src/encoder/tiles.js';

describe('encoderBytes', () => {
  before(function () {
    // The peak is read from /proc.
    if (process.platform !== 'linux') this.skip();
  });

  // One tile, several, and so few weights that the rest is what counts.
  for (const [inputWidth, features] of [
    [4096, 16_384],
    [576, 65_536],
    [64, 512],
  ] as const) {
    it(`is no less than what ${features} features of ${inputWidth} weights take`, () => {
      const script = fileURLToPath(new URL('memoryUse.ts', import.meta.url));
      const parameters = ['--import', 'tsx', script, String(inputWidth), String(features)];
      const { stdout, stderr } = spawnSync(process.execPath, parameters, { encoding: 'utf8' });
      const used = Number(stdout);
      const weights = 4 * inputWidth * features;
      assert.ok(used > weights, `${stdout}${stderr}`);
      const planned = encoderBytes(inputWidth, features, 'F16');
      assert.ok(used <= planned, `${used} bytes, not ${planned}`);
      // What the planner counts is of use only if it is near.
      assert.ok(planned < 1.6 * weights + 320 * 1024 * 1024, `${planned} bytes`);
    });
  }
});
