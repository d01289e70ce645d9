import type { ComponentChild } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { FeaturePage } from '../../../src/pages/page.js';
import { arrangeGroups, type ShownGroup } from '../examples/exampleGroups.js';
import { GroupSection } from '../examples/groupSection.js';
import { TokenTip } from '../examples/tokenTip.js';
import { exampleSettings } from '../provenance.js';
import { recall, remember } from '../remembered.js';
import type { RunStore } from '../runStore.js';
import { useShortcuts } from '../shortcuts.js';
import { short } from '../text/numbers.js';

/** Intervals that are open at first. */
const openIntervals = 2;

interface Properties {
  readonly store: RunStore;
  readonly page: FeaturePage;
  /** Row of the example that the address names. */
  readonly linked: number | undefined;
}

/** All examples of a feature, group by group. */
export function FeatureExamples({ store, page, linked }: Properties): ComponentChild {
  const [aligned, setAligned] = useChoice('aligned lines', true);
  const [blanks, setBlanks] = useChoice('blanks', false);
  const [all, setAll] = useState(false);
  const groups = useMemo(() => {
    const { top, distinct } = exampleSettings(store.description);
    return arrangeGroups(page, top, distinct);
  }, [store, page]);
  useShortcuts('Examples', [
    { keys: ['j'], does: 'next example', action: () => moveFocus(1) },
    { keys: ['k'], does: 'previous example', action: () => moveFocus(-1) },
    { keys: ['Enter'], does: 'more context of the example that has the focus' },
    { keys: ['←', '→'], does: 'its tokens, one by one, with their activations' },
    { keys: ['a'], does: 'lines aligned at the firing token, or whole windows', action: () => setAligned(!aligned) },
    { keys: ['w'], does: 'mark spaces', action: () => setBlanks(!blanks) },
    { keys: ['s'], does: 'show all intervals', action: () => setAll(!all) },
  ]);
  const section = (shown: ShownGroup): ComponentChild => (
    <GroupSection
      key={`${shown.group.name} ${shown.title}`}
      store={store}
      shown={shown}
      feature={page.feature}
      max={page.max}
      linked={linked}
      blanks={blanks}
    />
  );
  const intervals = groups.filter(({ group }) => group.name === 'interval');
  const others = (name: string): ShownGroup[] => groups.filter(({ group }) => group.name === name);
  const hidden = all || holds(intervals.slice(openIntervals), linked) ? [] : intervals.slice(openIntervals);
  return (
    <section class={`all-examples ${aligned ? 'aligned' : 'whole'}`} aria-label="Examples">
      <div class="reading">
        <Scale max={page.max} />
        <button type="button" aria-pressed={aligned} onClick={() => setAligned(!aligned)}>
          Aligned lines
        </button>
        <button type="button" aria-pressed={blanks} onClick={() => setBlanks(!blanks)}>
          Mark spaces
        </button>
      </div>
      {others('top').map(section)}
      {intervals.length > 0 && (
        <>
          <h2>By strength</h2>
          {intervals.filter((shown) => !hidden.includes(shown)).map(section)}
          {intervals.length > openIntervals && (
            <p>
              <button type="button" aria-expanded={hidden.length === 0} onClick={() => setAll(!all)}>
                {hidden.length > 0
                  ? `Show all ${intervals.length} intervals`
                  : `Show the highest ${openIntervals} only`}
              </button>
            </p>
          )}
        </>
      )}
      {others('random').map(section)}
      <TokenTip />
    </section>
  );
}

/** What the colours mean. */
function Scale({ max }: { readonly max: number }): ComponentChild {
  return (
    <span class="scale muted">
      activation 0 <span class="ramp" aria-hidden="true" /> {short(max)}
    </span>
  );
}

function holds(groups: readonly ShownGroup[], row: number | undefined): boolean {
  return groups.some(({ group, references }) =>
    group.examples.some((each) => each.row === row && !references.some(({ example }) => example.row === row)),
  );
}

/** Gives the focus to the next example, or the one before; to the first where none has it. */
function moveFocus(step: -1 | 1): void {
  const texts = [...document.querySelectorAll<HTMLElement>('.example .text')];
  const now = texts.findIndex((text) => text.closest('.example')?.contains(document.activeElement));
  texts[now < 0 ? 0 : Math.min(texts.length - 1, Math.max(0, now + step))]?.focus();
}

/** A choice that is kept on this machine. */
function useChoice(name: string, otherwise: boolean): [boolean, (value: boolean) => void] {
  const [value, setValue] = useState((recall(name) ?? String(otherwise)) === 'true');
  return [
    value,
    (next) => {
      remember(name, String(next));
      setValue(next);
    },
  ];
}
