// docs/transcripts.md: its commands are run again, and must print what stands there. RIFFLE_RECORD_TRANSCRIPTS=1 writes
// what they print now.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFolder } from '../../src/packageFolder.js';
import { stackTimeout } from '../support/stack.js';
import { replayTranscript } from '../support/transcript.js';

describe('docs/transcripts.md', function () {
  this.timeout(stackTimeout);

  it('its commands print what it says', async () => {
    const path = join(packageFolder(), 'docs', 'transcripts.md');
    const text = await readFile(path, 'utf8');
    const now = await replayTranscript(text);
    if (process.env.RIFFLE_RECORD_TRANSCRIPTS) await writeFile(path, now);
    else assert.equal(now, text);
  });
});
