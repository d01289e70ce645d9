import type { ComponentChild } from 'preact';

interface Properties {
  /** The exact number of the page's JSON. */
  readonly of: number;
  /** As people read it. */
  readonly as: string;
}

/** A number, rounded for people; its exact value is in the page, too, and shows when the pointer rests on it. */
export function Quantity({ of, as }: Properties): ComponentChild {
  return (
    <data class="quantity" value={String(of)} title={as === String(of) ? undefined : String(of)}>
      {as}
    </data>
  );
}
