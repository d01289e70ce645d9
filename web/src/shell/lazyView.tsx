import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Message } from './message.js';

interface Properties<Module> {
  /** Always the same function for the same view. */
  readonly load: () => Promise<Module>;
  readonly show: (module: Module) => ComponentChild;
}

/** A view whose code is fetched when it is first opened. */
export function LazyView<Module>({ load, show }: Properties<Module>): ComponentChild {
  const [loaded, setLoaded] = useState<{ readonly load: unknown; readonly module: Module }>();
  const [failure, setFailure] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    setFailure(undefined);
    load().then((module) => setLoaded({ load, module }), setFailure);
  }, [load, attempt]);
  if (loaded?.load === load) return show(loaded.module);
  if (failure !== undefined) return <Message error={failure} onRetry={() => setAttempt(attempt + 1)} />;
  return <p role="status">Loading…</p>;
}
