import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { StackFailed } from '../errors.js';
import { probeConditionalPut } from '../storage/conditionalPutProbe.js';
import { createS3Store } from '../storage/s3.js';
import { findBinaries, type Binaries } from './binaries.js';
import { ChildProcesses } from './childProcesses.js';
import { readJsonIfPresent, writePrivateFile } from './files.js';
import { FolderLock } from './folderLock.js';
import { freePorts, isTaken, loopback } from './ports.js';
import { fellBackToSidecar, s3Credentials, s3Region, s3Server, type S3Credentials } from './s3Server.js';
import { Server } from './server.js';
import { temporalNamespace, temporalServer } from './temporalServer.js';

/** What a client of the stack needs, by the names that the AWS and Temporal ecosystems already use. */
export interface StackEnvironment {
  readonly AWS_ENDPOINT_URL_S3: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_REGION: string;
  readonly TEMPORAL_ADDRESS: string;
  readonly TEMPORAL_NAMESPACE: string;
  /** Base URL of the Temporal web UI. */
  readonly RIFFLE_UI: string;
}

export interface EmbeddedStackOptions {
  /** Databases, objects, keys and logs; made if absent. One stack at a time uses it. */
  readonly dataFolder: string;
  /** Takes a line of text for people. */
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface EmbeddedStack {
  readonly dataFolder: string;
  readonly logFolder: string;
  readonly environment: StackEnvironment;
  readonly uiUrl: string;
  /** The bucket that exists from the start. */
  readonly bucket: string;
  /** Worker processes started here end with the stack. */
  readonly children: ChildProcesses;
  /** Resolves when a server has ended by itself. */
  readonly failed: Promise<StackFailed>;
  /** Ends a server by a signal [SIGTERM; fault tests send SIGKILL] and starts it again: same address, same data. */
  restart(server: 'temporal' | 's3', signal?: NodeJS.Signals): Promise<void>;
  /** Stops both servers and what else was started through `children`; keeps the data. Stop worker pools first. */
  stop(): Promise<void>;
}

const bucket = 'riffle';
const graceMilliseconds = 10_000;
const startAttempts = 3;
const portsSchema = z.object({ temporal: z.int(), ui: z.int(), s3: z.int() });
type Ports = z.infer<typeof portsSchema>;

/**
 * Starts the Temporal dev server and the S3 server, waits until both serve, makes the bucket `riffle` and proves that
 * conditional PUT is atomic.
 * @throws BinariesMissing, BinaryUnusable, BinaryBuildFailed, StackBusy, StackFailed, ConditionalPutBroken
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions): Promise<EmbeddedStack> {
  const dataFolder = resolve(options.dataFolder);
  const logFolder = join(dataFolder, 'logs');
  const binaries = await findBinaries(options);
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  mkdirSync(logFolder, { recursive: true });
  // The folder usually stands inside someone's repository; nothing in it belongs there.
  writeFileSync(join(dataFolder, '.gitignore'), '*\n');

  const lock = await FolderLock.acquire(dataFolder);
  const children = new ChildProcesses((running) => {
    lock.recordChildren(running);
  });
  const cleanUp = async (): Promise<void> => {
    await children.close(graceMilliseconds);
    lock.release();
  };
  try {
    const servers = await startServers(binaries, dataFolder, logFolder, children, options.signal);
    await prepareBucket(servers.environment, options.signal);
    return {
      dataFolder,
      logFolder,
      environment: servers.environment,
      uiUrl: servers.environment.RIFFLE_UI,
      bucket,
      children,
      failed: Promise.race([servers.temporal.failed, servers.s3.failed]),
      restart: (server, signal = 'SIGTERM') => servers[server].restart(signal),
      stop: async () => {
        await Promise.all([servers.temporal.stop(), servers.s3.stop()]);
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

interface Servers {
  readonly temporal: Server;
  readonly s3: Server;
  readonly environment: StackEnvironment;
}

/** Starts both at once; again, where another start can mend what went wrong. */
async function startServers(
  binaries: Binaries,
  dataFolder: string,
  logFolder: string,
  children: ChildProcesses,
  signal: AbortSignal | undefined,
): Promise<Servers> {
  const credentials = await s3Credentials(dataFolder);
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(dataFolder);
    const common = { dataFolder, environment: serverEnvironment() };
    const [temporal, s3] = (await Promise.allSettled(
      [
        temporalServer({
          ...common,
          binary: binaries.temporal,
          logFile: join(logFolder, 'temporal.log'),
          port: ports.temporal,
          uiPort: ports.ui,
        }),
        s3Server({
          ...common,
          binary: binaries.versitygw,
          logFile: join(logFolder, 'versitygw.log'),
          port: ports.s3,
          credentials,
        }),
      ].map((server) => Server.start(server, children, signal)),
    )) as [PromiseSettledResult<Server>, PromiseSettledResult<Server>];
    if (temporal.status === 'fulfilled' && s3.status === 'fulfilled') {
      return { temporal: temporal.value, s3: s3.value, environment: stackEnvironment(ports, credentials) };
    }
    for (const result of [temporal, s3]) if (result.status === 'fulfilled') await result.value.stop();
    const failures = [temporal, s3].flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    const mended = fellBackToSidecar(failures, dataFolder) || (await anyTaken(ports));
    if (attempt === startAttempts || !mended) throw failures[0];
  }
}

/** The ports of the last start where they are free, so that links to the web UI survive. */
async function choosePorts(dataFolder: string): Promise<Ports> {
  const path = join(dataFolder, 'ports.json');
  const last = portsSchema.safeParse(await readJsonIfPresent(path)).data;
  const [temporal, ui, s3] = (await freePorts([last?.temporal, last?.ui, last?.s3])) as [number, number, number];
  const ports: Ports = { temporal, ui, s3 };
  writePrivateFile(path, `${JSON.stringify(ports)}\n`);
  return ports;
}

async function anyTaken(ports: Ports): Promise<boolean> {
  return (await Promise.all(Object.values(ports).map(isTaken))).includes(true);
}

/** Nothing else of the user's environment: both servers read settings of their own from it. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TZ } = process.env;
  return { PATH, HOME, TMPDIR, TZ };
}

function stackEnvironment(ports: Ports, credentials: S3Credentials): StackEnvironment {
  return {
    AWS_ENDPOINT_URL_S3: `http://${loopback}:${ports.s3}`,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: s3Region,
    TEMPORAL_ADDRESS: `${loopback}:${ports.temporal}`,
    TEMPORAL_NAMESPACE: temporalNamespace,
    RIFFLE_UI: `http://${loopback}:${ports.ui}`,
  };
}

async function prepareBucket(environment: StackEnvironment, signal: AbortSignal | undefined): Promise<void> {
  const store = createS3Store({ environment: { ...environment } });
  try {
    await store.createBucket(bucket);
    await probeConditionalPut(store, { bucket, prefix: '' }, { signal });
  } finally {
    store.close();
  }
}
