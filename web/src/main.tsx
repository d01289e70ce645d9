import { render } from 'preact';
import { App } from './app.js';
import { listenForShortcuts } from './shortcuts.js';
import { keepApp } from './offline.js';
import { applyTheme } from './theme.js';

applyTheme();
listenForShortcuts();
keepApp();
const place = document.getElementById('app');
if (place) render(<App />, place);
