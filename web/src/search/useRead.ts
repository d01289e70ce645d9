import { useEffect, useState } from 'preact/hooks';

/** What is being read: nothing yet, a value, or the error that came instead. */
export interface Reading<Value> {
  readonly value?: Value;
  readonly failure?: unknown;
  readonly retry: () => void;
}

/** Reads something when the component is first shown, and again when `key` changes. */
export function useRead<Value>(read: (signal: AbortSignal) => Promise<Value>, key: unknown): Reading<Value> {
  const [state, setState] = useState<{ readonly key: unknown; readonly value?: Value; readonly failure?: unknown }>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    read(abort.signal).then(
      (value) => abort.signal.aborted || setState({ key, value }),
      (failure: unknown) => abort.signal.aborted || setState({ key, failure }),
    );
    return () => abort.abort();
  }, [key, attempt]);
  const retry = (): void => {
    setState(undefined);
    setAttempt(attempt + 1);
  };
  // What was read for another key is not shown for this one.
  return state?.key === key ? { ...state, retry } : { retry };
}
