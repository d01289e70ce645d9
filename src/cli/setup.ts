import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { TemporalRefused } from '../errors.js';
import { searchAttributes } from '../searchAttributes.js';
import type { Outcome } from './output.js';
import { connectTemporal } from './temporal.js';

/** As `temporal.api.enums.v1.IndexedValueType` numbers them. */
const typeNumbers = { Keyword: 2, Int: 3 } as const;
const typeNames = ['Unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];

/** Milliseconds for which a server may keep its old list of attributes. */
const patience = 90_000;
const pause = 500;

/** `riffle setup`: registers the search attributes in the namespace; those that are there already stay. */
export async function setup(): Promise<Outcome> {
  const client = await connectTemporal();
  try {
    const { namespace } = client.options;
    const before = await registered(client);
    const missing = Object.entries(searchAttributes).filter(([name]) => !before.has(name));
    for (const [name, type] of Object.entries(searchAttributes)) checkType(namespace, name, type, before.get(name));
    if (missing.length > 0) await register(client, Object.fromEntries(missing));
    const created = missing.map(([name]) => name);
    const present = Object.keys(searchAttributes).filter((name) => !created.includes(name));
    const lines = Object.entries(searchAttributes).map(
      ([name, type]) => `${name} (${type}): ${created.includes(name) ? 'registered' : 'was there already'}`,
    );
    return { json: { namespace, created, present }, text: [`Namespace ${namespace}`, ...lines].join('\n') };
  } finally {
    await client.connection.close();
  }
}

/** Custom search attributes of the namespace, with the numbers of their types. */
async function registered(client: Client): Promise<Map<string, number>> {
  const { namespace } = client.options;
  const { customAttributes } = await asAdministrator(namespace, () =>
    client.connection.operatorService.listSearchAttributes({ namespace }),
  );
  return new Map(Object.entries(customAttributes ?? {}).map(([name, type]) => [name, Number(type)]));
}

function checkType(namespace: string, name: string, wanted: keyof typeof typeNumbers, found: number | undefined): void {
  if (found === undefined || found === typeNumbers[wanted]) return;
  throw new TemporalRefused(
    `Namespace ${namespace} has a search attribute ${name} of type ${typeNames[found] ?? found}, and riffle needs ` +
      `${wanted}. Remove it (temporal operator search-attribute remove --namespace ${namespace} --name ${name}), or use ` +
      'another namespace.',
    { namespace, attribute: name },
  );
}

async function register(client: Client, missing: Partial<typeof searchAttributes>): Promise<void> {
  const { namespace } = client.options;
  const wanted = Object.fromEntries(Object.entries(missing).map(([name, type]) => [name, typeNumbers[type]]));
  await asAdministrator(namespace, () =>
    client.connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted }),
  );
  // Servers keep the list for a while; a run that starts before they see the new one would set no attributes.
  for (const end = Date.now() + patience; Date.now() < end; await sleep(pause)) {
    const now = await registered(client);
    if (Object.keys(missing).every((name) => now.has(name))) return;
  }
}

/** @throws TemporalRefused where the caller may not do it, or the server has no such interface (Temporal Cloud) */
async function asAdministrator<T>(namespace: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isGrpcServiceError(error) || !refusals.has(Number(error.code))) throw error;
    const flags = Object.entries(searchAttributes).map(([name, type]) => `--name ${name} --type ${type}`);
    throw new TemporalRefused(
      `Temporal does not let you register search attributes in namespace ${namespace} (${error.details}). Have its ` +
        `administrator do it: temporal operator search-attribute create --namespace ${namespace} ${flags.join(' ')}; in ` +
        'Temporal Cloud, by the settings of the namespace. Until then workflows run, but cannot be searched by stage.',
      { namespace },
      { cause: error },
    );
  }
}

/** PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED. */
const refusals = new Set([7, 12, 16]);
