/** CUDA where there is none, and where it would round. */
import assert from 'node:assert/strict';
import { ComputeUnavailable } from '../../src/errors.js';
import { checkEncoder } from '../../src/encoder/checkEncoder.js';
import { listSupportedBackends } from 'onnxruntime-node';

const cuda = { provider: 'cuda', threads: 1 } as const;
const override = 'NVIDIA_TF32_OVERRIDE';

describe('CUDA', () => {
  const before = process.env[override];

  afterEach(() => {
    if (before === undefined) delete process.env[override];
    else process.env[override] = before;
  });

  it('is refused where its libraries might round factors', async () => {
    for (const value of [undefined, '1']) {
      if (value === undefined) delete process.env[override];
      else process.env[override] = value;
      await assert.rejects(checkEncoder(cuda), (error: unknown) => {
        assert.ok(error instanceof ComputeUnavailable);
        assert.match(error.message, /NVIDIA_TF32_OVERRIDE=0/);
        return true;
      });
    }
  });

  it('is refused where it is not installed', async function () {
    if (listSupportedBackends().some(({ name, bundled }) => name === 'cuda' && bundled)) this.skip();
    process.env[override] = '0';
    await assert.rejects(checkEncoder(cuda), (error: unknown) => {
      assert.ok(error instanceof ComputeUnavailable);
      assert.match(error.message, /CUDA cannot be used here: .*docs\/operations\.md/s);
      assert.deepEqual(error.fields, { compute: 'cuda' });
      return true;
    });
  });
});
