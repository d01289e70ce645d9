import type { ComponentChild } from 'preact';
import { cut, visibleText } from './visibleText.js';

/** Longer labels are cut where they stand among others; a feature's page has them whole. */
const mostCharacters = 200;

/** A feature's label. It is untrusted: isolated from its surroundings, and nothing in it is invisible. */
export function LabelText({ label }: { readonly label: string }): ComponentChild {
  const { shown, left } = cut(label, mostCharacters);
  return (
    <bdi class="foreign" title={visibleText(label)}>
      {visibleText(shown)}
      {left > 0 && `… +${left}`}
    </bdi>
  );
}
