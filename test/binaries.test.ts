import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BinariesMissing, BinaryBuildFailed, BinaryUnusable } from '../src/errors.js';
import { findBinaries } from '../src/stack/binaries.js';

const goodTemporal = 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"';
const goodVersitygw = 'echo "Version  : v1.8.0"';
const oldVersitygw = 'echo "Version  : v1.7.3"';

/** A `go` that "builds" what it is asked for, slowly enough that two builds overlap. */
const fakeGo = `
name=$(basename "\${2%@*}")
sleep 0.2
printf '#!/bin/sh\\necho built %s\\n' "$2" > "$GOBIN/$name"
chmod +x "$GOBIN/$name"`;

describe('finding the servers of the embedded stack', () => {
  let folder: string;
  let cacheFolder: string;
  /** PATH of the tests: their own folder, then what a shell script needs. */
  let environment: NodeJS.ProcessEnv;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'riffle-binaries-'));
    cacheFolder = join(folder, 'cache');
    environment = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function program(path: string, script: string): Promise<string> {
    const whole = join(folder, path);
    await mkdir(dirname(whole), { recursive: true });
    await writeFile(whole, `#!/bin/sh\n${script}\n`);
    await chmod(whole, 0o755);
    return whole;
  }

  it('takes what the variables name before what is on PATH', async () => {
    await program('bin/temporal', goodTemporal);
    await program('bin/versitygw', goodVersitygw);
    const temporal = await program('elsewhere/t', goodTemporal);
    const versitygw = await program('elsewhere/v', goodVersitygw);
    environment.RIFFLE_TEMPORAL_BINARY = temporal;
    environment.RIFFLE_VERSITYGW_BINARY = versitygw;
    assert.deepEqual(await findBinaries({ environment, cacheFolder }), { temporal, versitygw });
  });

  it('refuses a variable that names no program, or an old one', async () => {
    environment.RIFFLE_TEMPORAL_BINARY = join(folder, 'absent');
    await assert.rejects(findBinaries({ environment, cacheFolder }), (error) => {
      assert(error instanceof BinaryUnusable);
      assert.match(error.message, /RIFFLE_TEMPORAL_BINARY is .*absent, but it is no executable file/);
      return true;
    });
    environment.RIFFLE_TEMPORAL_BINARY = await program('t', 'echo "temporal version 0.10.7 (Server 1.20.1, UI 2.9.1)"');
    await assert.rejects(findBinaries({ environment, cacheFolder }), /its server is 1\.20\.1, older than 1\.29\.0/);

    environment.RIFFLE_TEMPORAL_BINARY = await program('t', goodTemporal);
    environment.RIFFLE_VERSITYGW_BINARY = await program('v', oldVersitygw);
    await assert.rejects(findBinaries({ environment, cacheFolder }), /it is 1\.7\.3, older than 1\.8\.0/);
  });

  it('passes over an old program on PATH, says so, and uses the cache', async () => {
    const temporal = await program('bin/temporal', goodTemporal);
    await program('bin/versitygw', oldVersitygw);
    const versitygw = await program('cache/versitygw-v1.8.0/versitygw', goodVersitygw);
    const lines: string[] = [];
    const found = await findBinaries({ environment, cacheFolder, onProgress: (line) => lines.push(line) });
    assert.deepEqual(found, { temporal, versitygw });
    assert.match(lines.join('\n'), /Passing over .*versitygw: it is 1\.7\.3, older than 1\.8\.0/);
  });

  it('names the three ways out where there is no Go', async () => {
    environment.PATH = join(folder, 'empty');
    await assert.rejects(findBinaries({ environment, cacheFolder }), (error) => {
      assert(error instanceof BinariesMissing);
      assert.equal(error.code, 'BinariesMissing');
      assert(error.refusal);
      assert.deepEqual(error.fields, { missing: ['temporal', 'versitygw'] });
      for (const way of [/install Go/, /on PATH/, /docker compose up/]) assert.match(error.message, way);
      return true;
    });
  });

  it('builds what is missing once, also when two processes do so at the same time', async () => {
    await program('bin/go', fakeGo);
    const lines: string[] = [];
    const search = { environment, cacheFolder, onProgress: (line: string) => lines.push(line) };
    const [one, other] = await Promise.all([findBinaries(search), findBinaries(search)]);
    assert.deepEqual(one, other);
    assert.deepEqual((await readdir(cacheFolder)).sort(), ['temporal-v1.5.1', 'versitygw-v1.8.0']);
    assert.match(lines.join('\n'), /Building the Temporal dev server .*cmd\/temporal@v1\.5\.1.* happens once/);

    lines.length = 0;
    assert.deepEqual(await findBinaries(search), one);
    assert.deepEqual(lines, []);
  });

  it("shows the end of Go's output when a build fails, and leaves nothing behind", async () => {
    await program('bin/go', 'echo "go: module needs go >= 99" >&2; exit 1');
    await assert.rejects(findBinaries({ environment, cacheFolder }), (error) => {
      assert(error instanceof BinaryBuildFailed);
      assert.match(error.message, /failed \(exit code 1\)[^]*module needs go >= 99/);
      return true;
    });
    assert.deepEqual(await readdir(join(cacheFolder, 'temporal-v1.5.1')), []);
    assert.deepEqual(await readdir(cacheFolder), ['temporal-v1.5.1']);
  });

  it('stops a build when it is told to', async () => {
    await program('bin/go', 'sleep 600');
    const controller = new AbortController();
    const found = findBinaries({
      environment,
      cacheFolder,
      signal: controller.signal,
      onProgress: () => {
        setImmediate(() => {
          controller.abort();
        });
      },
    });
    await assert.rejects(found, { name: 'AbortError' });
  });
});
