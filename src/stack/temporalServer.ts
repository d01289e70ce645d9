import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { searchAttributes } from '../searchAttributes.js';
import { loopback } from './ports.js';
import type { ServerOptions } from './server.js';

export interface TemporalServerOptions {
  readonly binary: string;
  /** Where the database stands; it survives restarts. */
  readonly dataFolder: string;
  readonly logFile: string;
  /** The gRPC port and the web UI's port. */
  readonly port: number;
  readonly uiPort: number;
  readonly environment: NodeJS.ProcessEnv;
}

export const temporalNamespace = 'default';

/** WAL with NORMAL keeps all that was committed when the process dies; only a power cut may lose the last moment. */
const pragmas = { journal_mode: 'WAL', synchronous: 'NORMAL' };

/**
 * Eager execution more than doubles the rate of activities that follow each other. By default the server looks at most 20
 * times a second for what is to be handed on, so that every step of a workflow waits up to 50 ms: a shuffle of four tiny
 * tasks took three times as long. Short polls show sooner that a worker is gone (`RIFFLE_POLLER_TIMEOUT`).
 */
const dynamicConfig = {
  'system.enableActivityEagerExecution': true,
  'history.transferProcessorMaxPollRPS': 50,
  'matching.longPollExpirationInterval': '"10s"',
};

/** The Temporal dev server with its web UI, on loopback only. */
export function temporalServer(options: TemporalServerOptions): ServerOptions {
  const address = `${loopback}:${options.port}`;
  return {
    name: 'The Temporal server',
    command: options.binary,
    args: [
      ...['server', 'start-dev', '--disable-config-file', '--disable-config-env', '--color', 'never'],
      ...['--ip', loopback, '--port', String(options.port), '--ui-port', String(options.uiPort)],
      ...['--db-filename', join(options.dataFolder, 'temporal.db')],
      ...repeated('--sqlite-pragma', pragmas),
      ...repeated('--search-attribute', searchAttributes),
      ...repeated('--dynamic-config-value', dynamicConfig),
    ],
    environment: options.environment,
    logFile: options.logFile,
    check: async () => {
      await checkFrontend(address);
      await checkUi(options.uiPort);
    },
  };
}

function repeated(flag: string, values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
}

async function checkFrontend(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2000 });
  try {
    await connection.withDeadline(Date.now() + 5000, async () => {
      await connection.workflowService.describeNamespace({ namespace: temporalNamespace });
      const known = await connection.operatorService.listSearchAttributes({ namespace: temporalNamespace });
      const absent = Object.keys(searchAttributes).filter((name) => !(name in (known.customAttributes ?? {})));
      if (absent.length > 0) throw new Error(`search attributes not there yet: ${absent.join(', ')}`);
    });
  } finally {
    await connection.close();
  }
}

async function checkUi(port: number): Promise<void> {
  const response = await fetch(`http://${loopback}:${port}/`, { signal: AbortSignal.timeout(2000) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the web UI answers ${response.status}`);
}
