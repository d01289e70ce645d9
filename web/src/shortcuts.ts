import { useEffect, useRef, useState } from 'preact/hooks';
import { recall, remember } from './remembered.js';

/** Something that a key does while a view is open. */
export interface Shortcut {
  /** Names as `KeyboardEvent.key` gives them; several for layouts on which one is hard to reach. */
  readonly keys: readonly string[];
  /** What it does, for the help. */
  readonly does: string;
  /** Undefined for a key that an element handles while it has the focus: the help lists it. */
  readonly action?: () => void;
}

/** The shortcuts of one view. */
export interface ShortcutGroup {
  readonly title: string;
  readonly shortcuts: readonly Shortcut[];
}

/** Groups in the order in which their views opened. */
const groups = new Set<{ current: ShortcutGroup }>();
const listeners = new Set<() => void>();
const switchName = 'single keys';

/**
 * Adds shortcuts while the component is there; the help lists them under `title`. They rest while someone types, while
 * a dialog is open, and when single keys are switched off in the help.
 */
export function useShortcuts(title: string, shortcuts: readonly Shortcut[]): void {
  const group = useRef<ShortcutGroup>({ title, shortcuts });
  group.current = { title, shortcuts };
  useEffect(() => {
    groups.add(group);
    tell();
    return () => {
      groups.delete(group);
      tell();
    };
  }, []);
}

/** All shortcuts that work now. */
export function useShortcutGroups(): readonly ShortcutGroup[] {
  const [, redraw] = useState({});
  useEffect(() => {
    const listener = (): void => redraw({});
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return [...groups].map(({ current }) => current);
}

/** Whether single keys work; some people's speech or switch input presses keys that they do not mean. */
export function singleKeysOn(): boolean {
  return recall(switchName) !== 'off';
}

export function switchSingleKeys(on: boolean): void {
  remember(switchName, on ? 'on' : 'off');
  tell();
}

/** Starts to listen; called once. */
export function listenForShortcuts(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || !singleKeysOn() || isTyping(event) || document.querySelector('dialog[open]')) return;
    const alone = !event.ctrlKey && !event.metaKey && !event.altKey;
    // On many keyboards [ and ] need AltGr, which browsers report as Ctrl and Alt.
    if (!alone && !event.getModifierState('AltGraph')) return;
    // The view that opened last comes first.
    const shortcut = [...groups]
      .reverse()
      .flatMap(({ current }) => current.shortcuts)
      .find(({ keys, action }) => action && keys.includes(event.key));
    if (!shortcut?.action) return;
    event.preventDefault();
    shortcut.action();
  });
}

function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
}

function tell(): void {
  for (const listener of listeners) listener();
}
