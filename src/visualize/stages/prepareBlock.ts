import { ObjectChanged } from '../../errors.js';
import { openSae } from '../../sae/openSae.js';
import { encodePrepared } from '../preparedBlock.js';
import { prepareBytes } from '../memoryNeeds.js';
import { passes } from '../run.js';
import { writeSections } from '../sections.js';
import type { StageContext } from '../taskContext.js';
import { reportOf, type StageReport } from './report.js';

/** Stage 0: reads the weights of a feature block out of the SAE's files, checks them and writes them in riffle's form. */
export async function prepareBlock(context: StageContext, task: number): Promise<StageReport> {
  const { run, store, uris, signal } = context;
  const { from, to } = run.blocks[task]!;
  const { sae } = run.layout;
  await context.reserve(prepareBytes(to - from, sae));
  const opened = await openSae(store, uris.sae, { signal, inputScale: run.layout.inputScale });
  const etags = [opened.description, sae].map(({ objects }) => objects.map(({ etag }) => etag).join());
  if (etags[0] !== etags[1]) {
    throw new ObjectChanged(
      `${uris.sae} is not the SAE with which the run was planned: restore it, or use another output prefix.`,
      { uri: uris.sae },
    );
  }
  const sections = encodePrepared(sae, await opened.readBlock(from, to, { signal }));
  const wrote = await writeSections(store, run, passes.prepare, task, sections, signal);
  return reportOf(passes.prepare, task, to - from, [wrote]);
}
