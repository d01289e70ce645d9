import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { InvalidInput, TemporalUnreachable } from '../errors.js';

const grpcNotFound = 5;

/**
 * Connects as the Temporal CLI would: `TEMPORAL_*` variables and temporal.toml.
 * @throws TemporalUnreachable, InvalidInput
 */
export async function connectTemporal(): Promise<Client> {
  const { connectionOptions, namespace = 'default' } = loadConfig();
  const address = connectionOptions.address ?? 'localhost:7233';
  let connection: Connection;
  try {
    connection = await Connection.connect({ connectTimeout: '5s', ...connectionOptions });
  } catch (error) {
    throw new TemporalUnreachable(
      `No Temporal server answers at ${address}: ${(error as Error).message}. Start one (riffle dev in another terminal), ` +
        'or set TEMPORAL_ADDRESS.',
      { address },
      { cause: error },
    );
  }
  await checkNamespace(connection, namespace, address);
  return new Client({ connection, namespace });
}

async function checkNamespace(connection: Connection, namespace: string, address: string): Promise<void> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    // Whoever may not ask may still be allowed to start workflows.
    if (!isGrpcServiceError(error) || Number(error.code) !== grpcNotFound) return;
    await connection.close();
    throw new TemporalUnreachable(
      `Temporal at ${address} has no namespace ${JSON.stringify(namespace)}: set TEMPORAL_NAMESPACE to one that it has, ` +
        `or create this one (temporal operator namespace create -n ${namespace}).`,
      { address, namespace },
      { cause: error },
    );
  }
}

function loadConfig(): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw new InvalidInput(
      `The connection to Temporal cannot be set up: ${(error as Error).message}. Check the TEMPORAL_* variables and ` +
        'temporal.toml.',
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
