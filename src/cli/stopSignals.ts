/** npm and npx pass a terminal's Ctrl-C on to us a second time; only what comes later is an impatient user. */
const echoMilliseconds = 1000;

/** The first signal asks for an orderly stop; another one ends this process at once, and the watchdog its children. */
export function stopSignals(onImpatience: () => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let first: number | undefined;
  const handle = (): void => {
    if (first === undefined) {
      first = Date.now();
      controller.abort();
    } else if (Date.now() - first > echoMilliseconds) {
      onImpatience();
      process.exit(130);
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, handle);
    },
  };
}
