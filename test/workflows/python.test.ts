// Shuffled safetensors shards, held-out ones among them, as Python reads them: they load, and hold exactly the input's
// rows.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { findPython, runPython } from '../support/python.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';

const program = `
import sys, glob, numpy as np
from safetensors.numpy import load_file
def rows(folder):
    parts = [load_file(path) for path in sorted(glob.glob(folder + "/*.safetensors"))]
    assert all(set(part) == set(parts[0]) for part in parts)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return columns, {name: (str(c.dtype), c.shape) for name, c in columns.items()}
before, shapes_before = rows(sys.argv[1])
after, shapes_after = rows(sys.argv[2])
assert shapes_before == shapes_after, (shapes_before, shapes_after)
key = lambda columns: columns["context"].astype(np.int64) * 1000 + columns["position"]
assert len(np.unique(key(before))) == len(key(before))
assert not np.array_equal(key(before), key(after))
order_before, order_after = np.argsort(key(before)), np.argsort(key(after))
for name in before:
    a, b = before[name][order_before], after[name][order_after]
    assert a.tobytes() == b.tobytes(), name
print(len(key(after)), len(before))
`;

describe('shuffled shards in Python', function () {
  this.timeout(stackTimeout);

  it('safetensors.numpy loads them, and every row is there once', async function () {
    const python = findPython('numpy', 'safetensors');
    if (!python) {
      console.log('    skipped: no Python with numpy and safetensors (python3 or $RIFFLE_TEST_PYTHON)');
      return this.skip();
    }
    const bench = await ShuffleBench.open();
    const folder = mkdtempSync(join(tmpdir(), 'riffle-python-'));
    try {
      await bench.startWorkers(1);
      const output = bench.bucket.newPlace();
      await bench.shuffle(output, { memory: '3MiB', minSegment: '16KiB', split: { heldOut: 0.2 } });
      let heldOut = 0;
      for (const key of await bench.bucket.keys(output)) {
        if (!/^(held-out\/)?\d+\.safetensors$/.test(key)) continue;
        if (key.startsWith('held-out/')) heldOut++;
        const object = await bench.bucket.store.readWhole({ ...output, key: output.prefix + key }, 1024 ** 3);
        writeFileSync(join(folder, basename(key)), object!.data);
      }
      assert.equal(heldOut, 4);
      assert.equal(runPython(python, program, 'examples/dump', folder).trim(), '8192 5');
    } finally {
      rmSync(folder, { recursive: true });
      await bench.close();
    }
  });
});
