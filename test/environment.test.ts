import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEnvironment, loadEnvironment, parseEnvironment } from '../src/cli/environment.js';
import { InvalidInput } from '../src/errors.js';

const written = {
  AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
  AWS_ACCESS_KEY_ID: 'ours',
  AWS_SECRET_ACCESS_KEY: 'ours',
  AWS_REGION: 'us-east-1',
  TEMPORAL_ADDRESS: '127.0.0.1:2',
  TEMPORAL_NAMESPACE: 'default',
  RIFFLE_UI: 'http://127.0.0.1:3',
};

describe('.riffle/dev.env', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'riffle-environment-'));
    await mkdir(join(folder, '.riffle'));
    await writeFile(join(folder, '.riffle', 'dev.env'), formatEnvironment(written));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('reads back any value that it writes', () => {
    const variables = { A: 'plain/1.2:3', B: "it's $(quoted) `so`", C: '', D: 'two words\nand lines', E_1: "'" };
    const text = formatEnvironment(variables);
    assert(text.startsWith('export A=plain/1.2:3\nexport B='));
    assert.deepEqual(parseEnvironment(text, 'dev.env'), variables);
  });

  it('takes nothing but export lines', () => {
    for (const text of ['A=1\n', 'export A=$(id)\n', 'export A=1', 'export A=a b\n', "export A='b\n", '\n']) {
      assert.throws(
        () => parseEnvironment(`export OK=1\n${text}`, 'dev.env'),
        (error) => {
          assert(error instanceof InvalidInput);
          assert.match(error.message, /^dev\.env, line 2,/);
          return true;
        },
      );
    }
  });

  it('fills an environment that names no servers', async () => {
    const environment: NodeJS.ProcessEnv = { HOME: '/home', AWS_REGION: 'eu-west-1', AWS_PROFILE: '' };
    assert.deepEqual((await loadEnvironment(folder, environment)).sort(), Object.keys(written).sort());
    const { TEMPORAL_CONFIG_FILE: config, ...others } = environment;
    assert.deepEqual(others, { ...written, HOME: '/home', AWS_PROFILE: '' });
    assert.equal(config, join(folder, '.riffle', 'no-temporal.toml'));
  });

  it('does nothing where no `riffle dev` runs', async () => {
    const environment: NodeJS.ProcessEnv = {};
    assert.deepEqual(await loadEnvironment(join(folder, 'elsewhere'), environment), []);
    assert.deepEqual(environment, {});
  });

  it('never mixes its S3 settings with those of the user', async () => {
    for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE']) {
      const environment: NodeJS.ProcessEnv = { [name]: 'theirs' };
      const set = await loadEnvironment(folder, environment);
      assert.deepEqual(set.sort(), ['RIFFLE_UI', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE']);
      assert.deepEqual(
        Object.keys(environment).filter((key) => key.startsWith('AWS_')),
        [name],
      );
    }
  });

  it('never mixes its Temporal settings with those of the user', async () => {
    for (const name of ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_CONFIG_FILE']) {
      const environment: NodeJS.ProcessEnv = { [name]: 'theirs' };
      const set = await loadEnvironment(folder, environment);
      assert(set.every((key) => key.startsWith('AWS_')));
      assert.equal(environment[name], 'theirs');
      assert.equal(environment.RIFFLE_UI, undefined);
    }
  });
});
