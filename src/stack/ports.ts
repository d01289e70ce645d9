import { createServer, type Server } from 'node:net';

export const loopback = '127.0.0.1';

/**
 * Free TCP ports on the loopback interface, all different: the wanted one where it is free, else any. A port may be
 * taken by someone else before it is used; the caller then asks again.
 * @param wanted one entry for each port, undefined where any will do
 */
export async function freePorts(wanted: readonly (number | undefined)[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const port of wanted) {
      const server = (port === undefined ? undefined : await listen(port)) ?? (await listen(0));
      if (server === undefined) throw new Error(`no free port on ${loopback}`);
      held.push(server);
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
      ports.push(address.port);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Whether something listens on this loopback port, or holds it otherwise. */
export async function isTaken(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return true;
  await new Promise((resolve) => server.close(resolve));
  return false;
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen({ port, host: loopback, exclusive: true }, () => {
      resolve(server);
    });
  });
}
