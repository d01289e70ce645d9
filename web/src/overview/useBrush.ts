import type { TargetedPointerEvent } from 'preact';
import { useState } from 'preact/hooks';

/** A rectangle in shares of the plot: 0 is left and bottom, 1 right and top. */
export interface Box {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** Below so many pixels a press is a click. */
const clickPixels = 4;

export interface Brush {
  /** What is being drawn now. */
  readonly box: Box | undefined;
  readonly handlers: {
    readonly onPointerDown: (event: TargetedPointerEvent<HTMLElement>) => void;
    readonly onPointerMove: (event: TargetedPointerEvent<HTMLElement>) => void;
    readonly onPointerUp: (event: TargetedPointerEvent<HTMLElement>) => void;
    readonly onPointerCancel: () => void;
  };
}

/** Draws a rectangle with the pointer. On touch screens a sideways drag draws, an upright one scrolls the page (CSS). */
export function useBrush(onSelect: (box: Box) => void, onClick: (x: number, y: number) => void): Brush {
  const [start, setStart] = useState<{ x: number; y: number; pixelX: number; pixelY: number }>();
  const [end, setEnd] = useState<{ x: number; y: number }>();
  const box: Box | undefined = start && end && { x: ordered(start.x, end.x), y: ordered(start.y, end.y) };
  const stop = (): void => {
    setStart(undefined);
    setEnd(undefined);
  };
  const isClick = (event: PointerEvent): boolean =>
    start !== undefined && Math.hypot(event.clientX - start.pixelX, event.clientY - start.pixelY) < clickPixels;
  return {
    box,
    handlers: {
      onPointerDown: (event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setStart({ ...placeIn(event), pixelX: event.clientX, pixelY: event.clientY });
      },
      onPointerMove: (event) => {
        if (start && (end || !isClick(event))) setEnd(placeIn(event));
      },
      onPointerUp: (event) => {
        if (box) onSelect(box);
        else if (start) onClick(start.x, start.y);
        event.currentTarget.releasePointerCapture(event.pointerId);
        stop();
      },
      onPointerCancel: stop,
    },
  };
}

/** Where a pointer stands in an element, in shares of it. */
export function placeIn(event: TargetedPointerEvent<HTMLElement>): { x: number; y: number } {
  const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
  const cut = (share: number): number => Math.min(1, Math.max(0, share));
  return { x: cut((event.clientX - left) / width), y: cut(1 - (event.clientY - top) / height) };
}

function ordered(a: number, b: number): readonly [number, number] {
  return a < b ? [a, b] : [b, a];
}
