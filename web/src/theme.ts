import { useState } from 'preact/hooks';
import { recall, remember } from './remembered.js';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const name = 'theme';

/** Applies the theme that was chosen on this machine; `auto` is what the system prefers. */
export function applyTheme(theme = storedTheme()): void {
  document.documentElement.dataset['theme'] = theme;
}

/** The theme, and how to go on to the next one. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(storedTheme());
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!;
  return [
    theme,
    () => {
      remember(name, next);
      applyTheme(next);
      setTheme(next);
    },
  ];
}

function storedTheme(): Theme {
  const stored = recall(name);
  return themes.find((theme) => theme === stored) ?? 'auto';
}
