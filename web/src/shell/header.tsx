import type { ComponentChild } from 'preact';
import { goTo } from '../navigation.js';
import { modelName } from '../provenance.js';
import { featureLink, overviewLink, type Route, searchLink } from '../routes.js';
import type { RunStore } from '../runStore.js';
import { visibleText } from '../text/visibleText.js';
import { useTheme } from '../theme.js';

interface Properties {
  readonly store: RunStore;
  readonly route: Route;
  /** Whether what is shown was kept by this browser, because the server cannot be reached. */
  readonly offline: boolean;
  readonly onProvenance: () => void;
  readonly onHelp: () => void;
}

/** The line at the top of every view: where one is, ways to go, and what is at hand everywhere. */
export function Header({ store, route, offline, onProvenance, onHelp }: Properties): ComponentChild {
  const [theme, nextTheme] = useTheme();
  const { warnings } = store.description;
  return (
    <header class="masthead">
      <a class="brand" href={overviewLink()} aria-current={route.view === 'overview' ? 'page' : undefined}>
        riffle
      </a>
      <span class="model">{visibleText(modelName(store.description))}</span>
      <nav aria-label="Views">
        <a href={overviewLink()} aria-current={route.view === 'overview' ? 'page' : undefined}>
          All features
        </a>
        <Jump highest={store.description.features.of - 1} />
        <SearchField query={route.view === 'search' ? (route.query.get('q') ?? '') : ''} />
      </nav>
      <span role="status">{offline && <span class="badge">offline: shown as kept</span>}</span>
      <button type="button" class="quiet" onClick={onProvenance}>
        Provenance
        {warnings.length > 0 && (
          <span class="badge" title={`${warnings.length} of the run's warnings`}>
            {warnings.length}
            <span class="unseen"> {warnings.length === 1 ? 'warning' : 'warnings'}</span>
          </span>
        )}
      </button>
      <button type="button" class="quiet" aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`} onClick={nextTheme}>
        {{ auto: '◐', light: '○', dark: '●' }[theme]}
      </button>
      <button type="button" class="quiet" aria-label="Keys and help" title="Keys and help" onClick={onHelp}>
        ?
      </button>
    </header>
  );
}

function Jump({ highest }: { readonly highest: number }): ComponentChild {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const field = event.currentTarget.elements.namedItem('feature') as HTMLInputElement;
        if (field.value === '') return;
        goTo(featureLink(Number(field.value)));
        field.value = '';
        field.blur();
      }}
    >
      <input
        id="jump"
        name="feature"
        type="number"
        min={0}
        max={highest}
        placeholder="Feature #"
        aria-label={`Go to feature, 0 to ${highest}`}
      />
    </form>
  );
}

function SearchField({ query }: { readonly query: string }): ComponentChild {
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const field = event.currentTarget.elements.namedItem('q') as HTMLInputElement;
        goTo(searchLink(new URLSearchParams({ q: field.value })));
      }}
    >
      <input
        id="search"
        name="q"
        type="search"
        placeholder="Search token or label"
        aria-label="Search features by token, number or label"
        defaultValue={query}
        key={query}
        autocomplete="off"
        spellcheck={false}
      />
    </form>
  );
}
