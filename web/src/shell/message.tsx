import type { ComponentChild, ComponentChildren } from 'preact';
import { RiffleError } from '../../../src/errors.js';
import { visibleText } from '../text/visibleText.js';

interface Properties {
  readonly error: unknown;
  /** Tries again what failed. */
  readonly onRetry?: () => void;
  /** Ways on. */
  readonly children?: ComponentChildren;
}

/** What went wrong: the message of an error, which names the file and says what to do. */
export function Message({ error, onRetry, children }: Properties): ComponentChild {
  const code = error instanceof RiffleError ? error.code : undefined;
  const file = error instanceof RiffleError ? error.fields['file'] : undefined;
  return (
    <section class="message" role="alert">
      <h1>{titles[code ?? ''] ?? 'This cannot be shown'}</h1>
      <p>{visibleText(messageOf(error))}</p>
      {typeof file === 'string' && (
        <p>
          File: <code>{visibleText(file)}</code>
        </p>
      )}
      <p class="ways">
        {onRetry && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
        {children}
      </p>
    </section>
  );
}

/** What an error says, as it can be shown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}

const titles: Record<string, string> = {
  RunMissing: 'There is no run here',
  RunInvalid: 'The run cannot be read',
  RunDamaged: 'A file of the run is damaged or missing',
  FeatureMissing: 'The run has no such feature',
  RangeIgnored: 'This server cannot serve a run',
  StorageUnavailable: 'The server cannot be reached',
  InvalidInput: 'This address cannot be read',
};
