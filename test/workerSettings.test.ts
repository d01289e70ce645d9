import assert from 'node:assert/strict';
import { InvalidInput } from '../src/errors.js';
import { workerSettings } from '../workers/workerSettings.js';

describe('settings of a worker', () => {
  it('takes the slots from the memory unless they are set', () => {
    const slots = (memory: number, given?: string): number =>
      workerSettings({
        RIFFLE_WORKER_MEMORY: String(memory * 1024 ** 2),
        ...(given === undefined ? {} : { RIFFLE_WORKER_SLOTS: given }),
      }).slots;
    assert.deepEqual([slots(64), slots(1024), slots(65_536)], [1, 2, 4]);
    assert.deepEqual([slots(64, '1'), slots(64, '20'), slots(65_536, '256')], [1, 20, 256]);
  });

  it('refuses slots that are no whole number from 1 to 256', () => {
    for (const given of ['0', '257', '1.5', '', '-1', '1e2', 'many']) {
      assert.throws(() => workerSettings({ RIFFLE_WORKER_SLOTS: given }), InvalidInput, given);
    }
  });
});
