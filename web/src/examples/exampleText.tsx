import type { ComponentChild, TargetedKeyboardEvent } from 'preact';
import { TokenText } from '../tokens/tokenText.js';
import { strength } from './strength.js';
import { movePointer, pointAt } from './tokenPointer.js';
import { tipCharacters } from './tokenTip.js';
import { directionOf, type ShownToken } from './windowTokens.js';

interface Properties {
  readonly tokens: readonly ShownToken[];
  readonly focusRow: number;
  /** The feature's highest activation: the full colour. */
  readonly max: number;
  /** Whether spaces are marked. */
  readonly blanks: boolean;
  /** Whether all of the text is to be seen, and not one line with the focus token in its place. */
  readonly open: boolean;
  readonly onToggle: () => void;
  readonly label: string;
}

/** The text of an example. Left and right arrows go from token to token, Enter opens it. */
export function ExampleText(properties: Properties): ComponentChild {
  const { tokens, focusRow, open, onToggle, label } = properties;
  const focus = tokens.findIndex(({ row }) => row === focusRow);
  const tokenAt = (n: number): ComponentChild => <Token key={tokens[n]!.row} token={tokens[n]!} n={n} {...properties} />;
  const all = tokens.map((_, n) => n);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter') onToggle();
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      movePointer(event.currentTarget, event.key === 'ArrowLeft' ? -1 : 1);
    } else return;
    event.preventDefault();
  };
  return (
    <div
      class="text"
      role="group"
      aria-label={label}
      dir={directionOf(tokens)}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onFocus={(event) => event.target === event.currentTarget && pointAt(event.currentTarget, focus)}
      onClick={(event) => {
        const selected = getSelection()?.isCollapsed === false;
        if (!selected && !(event.target as Element).closest('button')) onToggle();
      }}
    >
      {open ? (
        all.map(tokenAt)
      ) : (
        <>
          <span class="before">
            <span>{all.slice(0, focus).map(tokenAt)}</span>
          </span>
          <span class="after">{all.slice(focus).map(tokenAt)}</span>
        </>
      )}
    </div>
  );
}

interface TokenProperties extends Pick<Properties, 'max' | 'blanks' | 'open' | 'focusRow'> {
  readonly token: ShownToken;
  readonly n: number;
}

function Token({ token, n, max, blanks, open, focusRow }: TokenProperties): ComponentChild {
  const { text, value, begins, elsewhere, row } = token;
  const fires = typeof value === 'number' && value > 0;
  const names = [
    'at',
    fires && 'fires',
    row === focusRow && 'focus',
    value === null && 'excluded',
    elsewhere && 'elsewhere',
  ];
  return (
    <>
      {begins && (
        <span class="break" title={`Another ${begins} begins`}>
          {open ? `${begins} begins` : ''}
        </span>
      )}
      <span
        class={names.filter(Boolean).join(' ')}
        data-n={n}
        data-row={row}
        data-id={token.id}
        data-text={text.slice(0, tipCharacters)}
        data-value={value === undefined ? undefined : String(value)}
        style={fires ? { '--strength': `${strength(value, max)}%` } : undefined}
      >
        <TokenText text={text} blanks={blanks} lines={open} />
      </span>
    </>
  );
}
