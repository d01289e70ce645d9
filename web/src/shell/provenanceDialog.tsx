import { Fragment, type ComponentChild } from 'preact';
import type { RunDescription } from '../../../src/pages/run.js';
import { featureCommand, provenanceFacts } from '../provenance.js';
import { runPlace } from '../runPlace.js';
import { visibleText } from '../text/visibleText.js';
import { CopyButton } from './copyButton.js';
import { Dialog } from './dialog.js';

interface Properties {
  readonly run: RunDescription;
  /** The feature that is shown, for the command. */
  readonly feature: number | undefined;
  readonly onClose: () => void;
}

/** Where a run comes from, and what to know before one believes it. */
export function ProvenanceDialog({ run, feature, onClose }: Properties): ComponentChild {
  const place = runPlace();
  const command = featureCommand(place, feature);
  return (
    <Dialog title="Where this run comes from" onClose={onClose}>
      {run.warnings.length > 0 && (
        <section class="warnings">
          <h3>{run.warnings.length === 1 ? 'A warning' : `${run.warnings.length} warnings`}</h3>
          <ul>
            {run.warnings.map((warning) => (
              <li key={warning}>{visibleText(warning)}</li>
            ))}
          </ul>
        </section>
      )}
      <dl class="facts">
        {provenanceFacts(run).map(({ name, values, code }) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            {values.map((value) => (
              <dd key={value} class={code ? 'code' : undefined}>
                {visibleText(value)}
              </dd>
            ))}
          </Fragment>
        ))}
        <dt>The same as JSON</dt>
        <dd class="code">{command}</dd>
        {place === '' && <dd>Put the run’s own place for s3://BUCKET/PREFIX: this server does not say it.</dd>}
      </dl>
      <p class="ways">
        <CopyButton text={() => JSON.stringify(run, undefined, 2)}>Copy as JSON</CopyButton>
        <CopyButton text={() => command}>Copy the command</CopyButton>
      </p>
    </Dialog>
  );
}
