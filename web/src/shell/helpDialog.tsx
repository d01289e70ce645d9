import { Fragment, type ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import { canWorkOffline } from '../offline.js';
import { runPlace } from '../runPlace.js';
import { singleKeysOn, switchSingleKeys, useShortcutGroups } from '../shortcuts.js';
import { Dialog } from './dialog.js';

/** All keys that do something in the view that is open. */
export function HelpDialog({ onClose }: { readonly onClose: () => void }): ComponentChild {
  const groups = useShortcutGroups();
  const [on, setOn] = useState(singleKeysOn());
  const toggle = (): void => {
    switchSingleKeys(!on);
    setOn(!on);
  };
  return (
    <Dialog title="Keys" onClose={onClose}>
      {groups.map(({ title, shortcuts }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl class="keys">
            {shortcuts.map(({ keys, does }) => (
              <Fragment key={does}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
      <p>
        <label>
          <input type="checkbox" checked={on} onChange={toggle} /> single keys do something
        </label>
      </p>
      <p class="muted">{offlineHint()}</p>
    </Dialog>
  );
}

function offlineHint(): string {
  if (canWorkOffline()) return 'Pages that were opened once stay readable without the server.';
  const reason = runPlace()
    ? 'what “riffle browse” serves is not kept in this browser'
    : 'browsers keep pages only over HTTPS, and on this machine itself';
  return `Without the server nothing can be read: ${reason}.`;
}
