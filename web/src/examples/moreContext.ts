import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { FeatureExample } from '../../../src/pages/page.js';
import type { RunStore } from '../runStore.js';
import { type ShownToken, tokensAround } from './windowTokens.js';

/** Tokens that are added before and after a window at a time. */
const step = 64;

/** An example stays in sight for so long before anything is fetched for it: whoever leafs through pages fetches nothing. */
const restMilliseconds = 400;

interface MoreContext {
  /** Undefined until they are there. */
  readonly tokens: readonly ShownToken[] | undefined;
  readonly failure: unknown;
  readonly loading: boolean;
  readonly atStart: boolean;
  readonly atEnd: boolean;
  readonly before: () => void;
  readonly after: () => void;
}

/** The text around an example from the run's token stream, fetched when the example is opened. */
export function useMoreContext(store: RunStore, example: FeatureExample, open: boolean): MoreContext {
  const first = example.row - example.focus;
  const end = first + example.ids.length;
  const { rows } = store.description.stream;
  const [range, setRange] = useState({ from: Math.max(0, first - step), to: Math.min(rows, end + step / 2) });
  const [tokens, setTokens] = useState<readonly ShownToken[]>();
  const [failure, setFailure] = useState<unknown>();
  const [loading, setLoading] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    let wanted = true;
    setLoading(true);
    setFailure(undefined);
    readTokens(store, example, range)
      .then((found) => wanted && setTokens(found))
      .catch((error: unknown) => wanted && setFailure(error))
      .finally(() => wanted && setLoading(false));
    return () => {
      wanted = false;
    };
  }, [store, example, open, range]);
  return {
    tokens: open ? tokens : undefined,
    failure,
    loading,
    atStart: range.from === 0,
    atEnd: range.to === rows,
    before: () => setRange({ ...range, from: Math.max(0, range.from - step) }),
    after: () => setRange({ ...range, to: Math.min(rows, range.to + step) }),
  };
}

async function readTokens(
  store: RunStore,
  example: FeatureExample,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly ShownToken[]> {
  const rows = await store.tokens(from, to);
  const texts = await store.textsOf(rows.map(({ id }) => id));
  return tokensAround(example, rows, texts);
}

/**
 * The tokens of an example with the documents in which they stand, once the example has been in sight for a moment.
 * A page says of the focus token alone in which document it is, and a context may hold several.
 * @returns undefined until it is known, and where the data cannot say
 */
export function useDocumentBreaks(
  store: RunStore,
  example: FeatureExample,
  item: RefObject<HTMLElement | null>,
): readonly ShownToken[] | undefined {
  const [tokens, setTokens] = useState<readonly ShownToken[]>();
  const { contexts, documents } = store.description.stream;
  useEffect(() => {
    // Without contexts a window ends where its document does.
    if (!contexts || !documents || item.current === null) return undefined;
    const first = example.row - example.focus;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = (): void => {
      observer.disconnect();
      // Where the stream cannot be read there are no marks; opening the example says what is wrong.
      store
        .tokens(first, first + example.ids.length)
        .then((rows) => rows.some(({ startsDocument }) => startsDocument) && setTokens(tokensAround(example, rows)))
        .catch(() => undefined);
    };
    const observer = new IntersectionObserver((entries) => {
      clearTimeout(timer);
      if (entries.at(-1)?.isIntersecting) timer = setTimeout(read, restMilliseconds);
    });
    observer.observe(item.current);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, [store, example]);
  return tokens;
}
