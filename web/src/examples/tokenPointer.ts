/**
 * The token at which the reader points, with the mouse or by arrow keys. It is kept in the document and not in the
 * components: the pointer moves over thousands of tokens, and none of them is drawn anew for it.
 */
type Listener = (token: HTMLElement | undefined, byKey: boolean) => void;

const listeners = new Set<Listener>();
let pointed: HTMLElement | undefined;

/** Calls back whenever the reader points at another token, or at none. @returns how to stop */
export function followPointer(listener: Listener): () => void {
  listeners.add(listener);
  const over = (event: Event): void => {
    const token = event.target instanceof Element ? event.target.closest<HTMLElement>('.text .at') : null;
    if (token !== null) point(token, false);
    else if (pointed && !pointed.closest('.text')?.matches(':focus')) point(undefined, false);
  };
  const leave = (): void => point(undefined, false);
  addEventListener('mouseover', over);
  addEventListener('focusout', leave);
  addEventListener('scroll', leave, { passive: true });
  return () => {
    listeners.delete(listener);
    removeEventListener('mouseover', over);
    removeEventListener('focusout', leave);
    removeEventListener('scroll', leave);
  };
}

/** Points at the n-th token of an example's text. */
export function pointAt(text: HTMLElement, n: number): void {
  // A page that scrolls to what has the focus would move away from under the pointer.
  requestAnimationFrame(() => point(text.querySelector<HTMLElement>(`[data-n="${n}"]`) ?? undefined, true));
}

/** Points at the token before or after the one pointed at. */
export function movePointer(text: HTMLElement, step: -1 | 1): void {
  const tokens = [...text.querySelectorAll<HTMLElement>('.at')];
  const now = pointed ? tokens.indexOf(pointed) : -1;
  const start = now < 0 ? tokens.findIndex((token) => token.matches('.focus')) : now + step;
  const next = tokens[Math.min(tokens.length - 1, Math.max(0, start))];
  if (next) point(next, true);
}

/** Points at nothing. */
export function stopPointing(): void {
  point(undefined, false);
}

function point(token: HTMLElement | undefined, byKey: boolean): void {
  if (token === pointed) return;
  pointed?.removeAttribute('data-pointed');
  token?.setAttribute('data-pointed', '');
  pointed = token;
  for (const listener of listeners) listener(token, byKey);
}
