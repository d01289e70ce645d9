import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { TemporalUnreachable } from '../errors.js';

/** Connects as the Temporal CLI would: `TEMPORAL_*` variables and temporal.toml. @throws TemporalUnreachable */
export async function connectTemporal(): Promise<Client> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  try {
    const connection = await Connection.connect({ connectTimeout: '5s', ...connectionOptions });
    return new Client({ connection, namespace: namespace ?? 'default' });
  } catch (error) {
    const address = connectionOptions.address ?? 'localhost:7233';
    throw new TemporalUnreachable(
      `No Temporal server answers at ${address}: ${(error as Error).message}. Start one (riffle dev in another terminal), ` +
        'or set TEMPORAL_ADDRESS.',
      { address },
      { cause: error },
    );
  }
}

/** Address of a workflow's page in the Temporal web UI, where it is known. */
export function workflowPage(workflowId: string, runId?: string): string | undefined {
  const base = process.env.RIFFLE_UI;
  if (!base) return undefined;
  const namespace = process.env.TEMPORAL_NAMESPACE ?? 'default';
  const page = `${base.replace(/\/$/, '')}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`;
  return runId ? `${page}/${runId}` : page;
}
