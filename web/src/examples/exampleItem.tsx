import type { ComponentChild } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { FeatureExample } from '../../../src/pages/page.js';
import { featureLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { CopyButton } from '../shell/copyButton.js';
import { messageOf } from '../shell/message.js';
import { aligned, grouped, short } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { visibleText } from '../text/visibleText.js';
import type { ShownExample } from './exampleGroups.js';
import { ExampleText } from './exampleText.js';
import { useDocumentBreaks, useMoreContext } from './moreContext.js';
import { windowTokens } from './windowTokens.js';

interface Properties {
  readonly store: RunStore;
  readonly shown: ShownExample;
  readonly feature: number;
  /** The feature's highest activation: the full colour. */
  readonly max: number;
  /** Whether the address names this example. */
  readonly linked: boolean;
  /** Whether spaces are marked. */
  readonly blanks: boolean;
}

/** A token on which the feature fires, in its text; opened, with more of the text and all that is known of it. */
export function ExampleItem({ store, shown, feature, max, linked, blanks }: Properties): ComponentChild {
  const { example, alike } = shown;
  const item = useRef<HTMLLIElement>(null);
  const [open, setOpen] = useState(linked);
  const more = useMoreContext(store, example, open);
  const marked = useDocumentBreaks(store, example, item);
  const tokens = useMemo(() => more.tokens ?? marked ?? windowTokens(example), [more.tokens, marked, example]);
  useEffect(() => {
    if (!linked) return;
    setOpen(true);
    item.current?.scrollIntoView({ block: 'center' });
    item.current?.querySelector<HTMLElement>('.text')?.focus({ preventScroll: true });
  }, [linked]);
  const focusText = visibleText(example.tokens[example.focus]!, { blanks: true });
  return (
    <li ref={item} id={`example-${example.row}`} class={`example${open ? ' open' : ''}${linked ? ' linked' : ''}`}>
      <span class="activation">
        <Quantity of={example.activation} as={aligned(example.activation, max)} />
      </span>
      <ExampleText
        tokens={tokens}
        focusRow={example.row}
        max={max}
        blanks={blanks}
        open={open}
        onToggle={() => setOpen(!open)}
        label={`Fires ${short(example.activation)} on “${focusText}”${place(example) && `, ${place(example)}`}`}
      />
      <span class="where muted">
        {alike.length > 0 && <span class="alike">×{grouped(alike.length + 1)} here</span>}
        <span title={placeInFull(example)}>{place(example)}</span>
      </span>
      <button
        type="button"
        class="quiet opener"
        aria-expanded={open}
        aria-label={`${open ? 'Less' : 'More'} context of the example on “${focusText}”`}
        title={open ? 'Less context' : 'More context'}
        tabIndex={-1}
        onClick={() => setOpen(!open)}
      >
        {open ? '−' : '+'}
      </button>
      {open && (
        <div class="details">
          {more.failure !== undefined && (
            <p role="alert">
              More context cannot be shown.{' '}
              {visibleText(messageOf(more.failure))}
            </p>
          )}
          <p class="ways">
            <button type="button" disabled={more.atStart || more.loading} onClick={more.before}>
              More before
            </button>
            <button type="button" disabled={more.atEnd || more.loading} onClick={more.after}>
              More after
            </button>
            <CopyButton text={() => tokens.map(({ text }) => text).join('')}>Copy as text</CopyButton>
            <CopyButton text={() => new URL(featureLink(feature, example.row), location.href).href}>Copy link</CopyButton>
          </p>
          <p class="muted">
            {placeInFull(example)}
            {more.tokens && '. Activations outside the example’s own window are not stored.'}
          </p>
          {alike.length > 0 && (
            <p class="muted">
              The same text stands at{' '}
              {alike.map((each) => `row ${grouped(each.row)} (${short(each.activation)})`).join(', ')}.
            </p>
          )}
        </div>
      )}
    </li>
  );
}

/** Document and position, as far as the data say. */
function place({ document, position }: FeatureExample): string {
  const parts = [document !== null && `doc ${document}`, position !== null && `pos ${position}`];
  return parts.filter(Boolean).join(' · ');
}

function placeInFull({ row, document, context, position }: FeatureExample): string {
  const parts = [
    document !== null && `Document ${document}`,
    context !== null && `context ${context}`,
    position !== null && `position ${position}`,
    `row ${grouped(row)} of the data`,
  ];
  return parts.filter(Boolean).join(', ');
}
