import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeNpyHeader, parseNpyHeader } from '../../src/formats/npy.js';
import { encodeSafetensorsHeader, parseSafetensorsHeader } from '../../src/formats/safetensors.js';
import { findPython, runPython } from '../support/python.js';
import { safetensorsFile } from '../support/shardFiles.js';

describe('files of the reference implementations in Python', function () {
  this.timeout(120_000);
  let python = '';
  let folder = '';

  before(async function () {
    const found = findPython('numpy', 'safetensors.numpy');
    if (!found) {
      console.log('    skipped: no Python with numpy and safetensors (python3 or $RIFFLE_TEST_PYTHON)');
      return this.skip();
    }
    python = found;
    folder = await mkdtemp(join(tmpdir(), 'riffle-python-'));
  });

  after(async () => {
    if (folder) await rm(folder, { recursive: true });
  });

  it('npy: headers are read, and written again byte for byte', async () => {
    const program = `
import numpy, sys
cases = [('<f4', (3, 4)), ('<i8', (12,)), ('|b1', (0, 5)), ('<f2', (100000, 2, 3)), ('<c8', (1, 1)), ('|u1', (10, 0))]
for i, (dtype, shape) in enumerate(cases):
    numpy.save(f'{sys.argv[1]}/{i}.npy', numpy.zeros(shape, dtype))
numpy.lib.format.write_array(open(f'{sys.argv[1]}/v2.npy', 'wb'), numpy.zeros((3, 4), '<f4'), version=(2, 0))
numpy.lib.format.write_array(open(f'{sys.argv[1]}/v3.npy', 'wb'), numpy.zeros((3, 4), '<f4'), version=(3, 0))
numpy.save(f'{sys.argv[1]}/fortran.npy', numpy.asfortranarray(numpy.zeros((3, 4))))
numpy.save(f'{sys.argv[1]}/fields.npy', numpy.zeros((3,), [('a', '<f4'), ('b', '<i4', (2,))]))
numpy.save(f'{sys.argv[1]}/objects.npy', numpy.array([{}], dtype=object), allow_pickle=True)
`;
    runPython(python, program, folder);
    for (let index = 0; index < 6; index++) {
      const file = await readFile(join(folder, `${index}.npy`));
      const parsed = parseNpyHeader(file, file.length, 'numpy');
      assert.deepEqual(encodeNpyHeader(parsed.columns, parsed.rows), file.subarray(0, parsed.header));
    }
    for (const name of ['v2', 'v3']) {
      const file = await readFile(join(folder, `${name}.npy`));
      assert.deepEqual(parseNpyHeader(file, file.length, 'numpy').columns, [
        { name: 'data', dtype: 'F32', shape: [4] },
      ]);
    }
    for (const [name, message] of [
      ['fortran', /Fortran order/],
      ['fields', /structured/],
      ['objects', /Python objects/],
    ] as const) {
      const file = await readFile(join(folder, `${name}.npy`));
      assert.throws(() => parseNpyHeader(file, file.length, 'numpy'), { code: 'ShardInvalid', message });
    }
  });

  it('safetensors: headers are read, and written again byte for byte', async () => {
    const program = `
import numpy, sys
from safetensors.numpy import save_file
save_file({'a': numpy.zeros((5, 2), 'f4'), 'b \\u00e9 "': numpy.zeros((5,), 'i8'), 'c': numpy.zeros((5, 0), 'u1')},
          f'{sys.argv[1]}/file.safetensors', metadata={'model': 'm \\u2028\\u007f\\x01'})
`;
    runPython(python, program, folder);
    const file = await readFile(join(folder, 'file.safetensors'));
    const parsed = parseSafetensorsHeader(file, file.length, 'safetensors');
    assert.equal(parsed.rows, 5);
    assert.deepEqual(
      encodeSafetensorsHeader(parsed.columns, parsed.rows, Object.fromEntries(parsed.metadata)),
      file.subarray(0, parsed.header),
    );
  });

  it('safetensors: Python loads what riffle writes, columns in any order', async () => {
    const columns = [
      { name: 'tokens', dtype: 'I32', shape: [] },
      { name: 'é', dtype: 'F64', shape: [2, 2] },
      { name: 'flag', dtype: 'BOOL', shape: [3] },
    ];
    await writeFile(join(folder, 'ours.safetensors'), safetensorsFile(columns, 7, { hook: 'h' }));
    const program = `
import sys
from safetensors import safe_open
with safe_open(f'{sys.argv[1]}/ours.safetensors', 'numpy') as file:
    print(sorted((name, str(file.get_tensor(name).dtype), file.get_tensor(name).shape) for name in file.keys()), file.metadata())
`;
    assert.equal(
      runPython(python, program, folder).trim(),
      "[('flag', 'bool', (7, 3)), ('tokens', 'int32', (7,)), ('é', 'float64', (7, 2, 2))] {'hook': 'h'}",
    );
  });
});
