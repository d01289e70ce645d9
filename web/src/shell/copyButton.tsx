import type { ComponentChild, ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

interface Properties {
  readonly text: () => string;
  readonly children: ComponentChildren;
}

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, children }: Properties): ComponentChild {
  const [said, setSaid] = useState('');
  const copy = (): void => {
    copyText(text()).then(
      () => say('Copied'),
      () => say('The browser does not let pages copy here'),
    );
  };
  const say = (what: string): void => {
    setSaid(what);
    setTimeout(() => setSaid(''), 2000);
  };
  return (
    <>
      <button type="button" onClick={copy}>
        {children}
      </button>
      <span role="status" class="said">
        {said}
      </span>
    </>
  );
}

/** Also without a secure context, where `navigator.clipboard` is missing. @throws Error where nothing works */
export async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  if (!copied) throw new Error('copying is not allowed');
}
