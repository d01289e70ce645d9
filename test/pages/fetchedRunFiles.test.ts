/** Runs on web servers of all kinds: what a server does wrong is noticed, and named. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RangeIgnored, type RiffleError, RunDamaged, StorageUnavailable } from '../../src/errors.js';
import { fetchedRunFiles } from '../../src/pages/fetchedRunFiles.js';

const content = Buffer.from('0123456789');

/** Answers as its name says. */
const servers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  ranges: ({ headers, url }, response) => {
    if (url !== '/run/pages/00000.bin') return void response.writeHead(404).end();
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (start === undefined) return void response.writeHead(200).end(content);
    if (Number(start) >= content.length) return void response.writeHead(416).end();
    response.writeHead(206).end(content.subarray(Number(start), Number(end) + 1));
  },
  noRanges: (_, response) => void response.writeHead(200).end(content),
  forbidden: (_, response) => void response.writeHead(403).end(),
  broken: (_, response) => void response.writeHead(500).end(),
};

describe('files of a run on a web server', () => {
  const started: Server[] = [];

  async function at(name: string): Promise<ReturnType<typeof fetchedRunFiles>> {
    const server = createServer(servers[name]);
    started.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fetchedRunFiles(`http://127.0.0.1:${(server.address() as AddressInfo).port}/run/`);
  }

  afterEach(() => {
    for (const server of started.splice(0)) server.close().closeAllConnections();
  });

  it('are read by ranges, and whole', async () => {
    const files = await at('ranges');
    assert.equal(Buffer.from(await files.read('pages/00000.bin', 2, 5)).toString(), '234');
    assert.deepEqual(Buffer.from((await files.readWhole('pages/00000.bin', 10))!), content);
    assert.equal(await files.readWhole('run.json', 10), undefined);
  });

  for (const [server, file, [start, end], error, says] of [
    ['noRanges', 'pages/00000.bin', [2, 5], RangeIgnored, /ignores Range/],
    ['ranges', 'pages/00000.bin', [8, 12], RunDamaged, /2 bytes came where 4 were asked for/],
    ['ranges', 'pages/00000.bin', [10, 12], RunDamaged, /cut short/],
    ['ranges', 'pages/00001.bin', [0, 4], RunDamaged, /pages\/00001\.bin of the run is damaged: it is missing/],
    ['forbidden', 'pages/00000.bin', [0, 4], RunDamaged, /may not be read \(status 403\)/],
    ['broken', 'pages/00000.bin', [0, 4], StorageUnavailable, /status 500/],
  ] as const) {
    it(`bytes ${start} to ${end} of ${file} from a server of kind ${server}: ${error.name}`, async () => {
      const files = await at(server);
      await assert.rejects(files.read(file, start, end), (raised) => {
        assert.ok(raised instanceof error, String(raised));
        assert.match(raised.message, says);
        assert.equal((raised as RiffleError).fields.file, file);
        return true;
      });
    });
  }

  it('that are too long are not read', async () => {
    const files = await at('ranges');
    await assert.rejects(files.readWhole('pages/00000.bin', 9), RunDamaged);
  });

  it('say so when nobody answers', async () => {
    const files = await at('ranges');
    started.splice(0).forEach((server) => server.close().closeAllConnections());
    await assert.rejects(files.read('pages/00000.bin', 0, 1), StorageUnavailable);
  });
});
