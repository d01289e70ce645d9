import type { ComponentChild } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FeatureExample, FeaturePage, LogitEffect } from '../../../src/pages/page.js';
import { ExampleText } from '../examples/exampleText.js';
import { windowTokens } from '../examples/windowTokens.js';
import { featureLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { Message } from '../shell/message.js';
import { LabelText } from '../text/labelText.js';
import { percent, short } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { visibleText } from '../text/visibleText.js';
import { TokenText } from '../tokens/tokenText.js';

interface Properties {
  readonly store: RunStore;
  readonly feature: number;
  /** Takes it off the list; undefined for the last one. */
  readonly onRemove: (() => void) | undefined;
}

/** So much of a page is enough to tell features apart. */
const shownExamples = 3;
const shownLogits = 5;

/** A feature in a few lines. Its page is read when it comes near the window. */
export function ListRow({ store, feature, onRemove }: Properties): ComponentChild {
  const place = useRef<HTMLLIElement>(null);
  const [page, setPage] = useState<FeaturePage | undefined>(() => store.pageAtHand(feature));
  const [failure, setFailure] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  const isNear = useIsNear(place);
  useEffect(() => {
    if (page || !isNear) return;
    setFailure(undefined);
    store.page(feature).then(setPage, setFailure);
  }, [store, feature, isNear, attempt]);
  return (
    <li class="list-row" ref={place}>
      <header>
        <h2>
          <a class="list-feature" href={featureLink(feature)}>
            Feature {feature}
          </a>
          {page?.label != null && <LabelText label={page.label} />}
        </h2>
        {page && <Figures page={page} />}
        {onRemove && (
          <button
            type="button"
            class="quiet"
            aria-label={`Remove feature ${feature} from the list`}
            title="Remove"
            onClick={onRemove}
          >
            ✕
          </button>
        )}
      </header>
      {failure !== undefined && <Message error={failure} onRetry={() => setAttempt(attempt + 1)} />}
      {page ? <Content page={page} /> : failure === undefined && <p class="muted">Loading…</p>}
    </li>
  );
}

function Figures({ page: { state, reason, density, max, topTokens } }: { readonly page: FeaturePage }): ComponentChild {
  if (state === 'dead') return <p class="muted">dead: {reason}</p>;
  return (
    <p>
      {topTokens.slice(0, 3).map(({ id, token, share }) => (
        <span class="top-token" key={id}>
          <TokenText text={token} blanks /> <Quantity of={share} as={percent(share)} />
        </span>
      ))}
      <span class="muted">
        {state === 'dense' && 'dense, '}
        fires on <Quantity of={density} as={percent(density)} />, up to <Quantity of={max} as={short(max)} />
      </span>
    </p>
  );
}

function Content({ page }: { readonly page: FeaturePage }): ComponentChild {
  const examples = page.groups[0]?.examples.slice(0, shownExamples) ?? [];
  return (
    <div class="list-content">
      {examples.length > 0 && (
        <ul class="examples" aria-label="Strongest examples">
          {examples.map((example) => (
            <Example key={example.row} example={example} max={page.max} />
          ))}
        </ul>
      )}
      {page.logits && (
        <dl class="list-logits">
          <Logits title="raises" effects={page.logits.top} />
          <Logits title="lowers" effects={page.logits.bottom} />
        </dl>
      )}
    </div>
  );
}

function Example({ example, max }: { readonly example: FeatureExample; readonly max: number }): ComponentChild {
  const [open, setOpen] = useState(false);
  const focus = visibleText(example.tokens[example.focus] ?? '', { blanks: true });
  return (
    <li class={open ? 'example open' : 'example'}>
      <span class="activation">
        <Quantity of={example.activation} as={short(example.activation)} />
      </span>
      <ExampleText
        tokens={windowTokens(example)}
        focusRow={example.row}
        max={max}
        blanks={false}
        open={open}
        onToggle={() => setOpen(!open)}
        label={`Fires ${short(example.activation)} on “${focus}”`}
      />
    </li>
  );
}

interface LogitProperties {
  readonly title: string;
  readonly effects: readonly LogitEffect[];
}

function Logits({ title, effects }: LogitProperties): ComponentChild {
  return (
    <div class={title}>
      <dt>{title}</dt>
      <dd>
        {effects.slice(0, shownLogits).map(({ id, token, value }) => (
          <span key={id} title={String(value)}>
            <TokenText text={token} blanks />
          </span>
        ))}
      </dd>
    </div>
  );
}

/** Whether the element is, or was, in the window or a screen away from it. */
function useIsNear(place: { readonly current: Element | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (!place.current) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        setNear(true);
        observer.disconnect();
      },
      { rootMargin: '100%' },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return near;
}
