import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { grouped, short } from '../text/numbers.js';
import { visibleText } from '../text/visibleText.js';
import { followPointer, stopPointing } from './tokenPointer.js';

interface Tip {
  readonly text: string;
  readonly id: string;
  /** As in the page: a number, "null" where excluded, undefined where not stored. */
  readonly value: string | undefined;
  readonly row: number;
  readonly byKey: boolean;
  readonly left: number;
  readonly top: number;
}

/** So much of a token stands in a tip. */
export const tipCharacters = 200;

/** What is known of the token at which the reader points; read out where keys moved there. */
export function TokenTip(): ComponentChild {
  const [tip, setTip] = useState<Tip>();
  useEffect(() => {
    const unfollow = followPointer((token, byKey) => setTip(token && tipOf(token, byKey)));
    const escape = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') stopPointing();
    };
    addEventListener('keydown', escape);
    return () => {
      unfollow();
      removeEventListener('keydown', escape);
    };
  }, []);
  return (
    <>
      {tip && (
        <div class="tip" role="tooltip" style={{ left: `${tip.left}px`, top: `${tip.top}px` }}>
          <strong>{meaning(tip)}</strong>
          <bdi class="token">“{visibleText(tip.text, { blanks: true })}”</bdi>
          <span class="muted">
            token {tip.id} · row {grouped(tip.row)}
          </span>
        </div>
      )}
      <div class="unseen" role="status">
        {tip?.byKey && `${visibleText(tip.text)}: ${meaning(tip)}`}
      </div>
    </>
  );
}

function meaning({ value }: Tip): string {
  if (value === undefined) return 'activation not stored';
  if (value === 'null') return 'excluded from all counts';
  return value === '0' ? 'does not fire' : `fires ${short(Number(value))}${value.length > 6 ? ` (${value})` : ''}`;
}

function tipOf(token: HTMLElement, byKey: boolean): Tip {
  const box = token.getBoundingClientRect();
  const { id = '', value, row = '' } = token.dataset;
  return {
    text: token.dataset['text'] ?? '',
    id,
    value,
    row: Number(row),
    byKey,
    left: Math.max(8, Math.min(box.left, innerWidth - 280)),
    top: box.bottom + 90 > innerHeight ? box.top - 76 : box.bottom + 6,
  };
}
