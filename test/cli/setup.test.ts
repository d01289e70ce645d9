// `riffle setup` against namespaces that lack its search attributes, have others of these names, or do not let it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { assertFailed, runRiffle, runTemporal, successOf } from '../support/riffleCli.js';
import { RefusingTemporal } from '../support/refusingTemporal.js';
import { sharedServers, stackTimeout } from '../support/stack.js';

describe('riffle setup', function () {
  this.timeout(stackTimeout);

  before(() => sharedServers());

  async function newNamespace(): Promise<string> {
    const namespace = `setup-${randomBytes(4).toString('hex')}`;
    await temporal('operator', 'namespace', 'create', '--namespace', namespace);
    return namespace;
  }

  async function temporal(...args: string[]): Promise<string> {
    const run = await runTemporal(args);
    assert.equal(run.exitCode, 0, run.stderr);
    return run.stdout;
  }

  const setup = (environment: NodeJS.ProcessEnv): ReturnType<typeof runRiffle> =>
    runRiffle(['setup', '--json'], { environment });

  it('registers what is missing, and does nothing the second time', async () => {
    const namespace = await newNamespace();
    const names = ['RiffleStage', 'RiffleFailedTasks'];
    assert.deepEqual(successOf(await setup({ TEMPORAL_NAMESPACE: namespace })), {
      namespace,
      created: names,
      present: [],
    });
    assert.deepEqual(successOf(await setup({ TEMPORAL_NAMESPACE: namespace })), {
      namespace,
      created: [],
      present: names,
    });
    const listed = await temporal('operator', 'search-attribute', 'list', '--namespace', namespace);
    assert.match(listed, /RiffleStage +Keyword/);
    assert.match(listed, /RiffleFailedTasks +Int/);
  });

  it('registers the one that is missing beside one that is there', async () => {
    const namespace = await newNamespace();
    const create = ['operator', 'search-attribute', 'create', '--namespace', namespace];
    await temporal(...create, '--name', 'RiffleStage', '--type', 'Keyword');
    const done = successOf(await setup({ TEMPORAL_NAMESPACE: namespace }));
    assert.deepEqual(done, { namespace, created: ['RiffleFailedTasks'], present: ['RiffleStage'] });
  });

  it('refuses an attribute of another type, and names the command that removes it', async () => {
    const namespace = await newNamespace();
    const create = ['operator', 'search-attribute', 'create', '--namespace', namespace];
    await temporal(...create, '--name', 'RiffleStage', '--type', 'Text');
    const run = await setup({ TEMPORAL_NAMESPACE: namespace });
    assertFailed(
      run,
      2,
      'TemporalRefused',
      'RiffleStage of type Text',
      `remove --namespace ${namespace} --name RiffleStage`,
    );
  });

  it('says who can do it where the caller may not', async () => {
    const namespace = await newNamespace();
    const refusing = await RefusingTemporal.start(/AddSearchAttributes$/, 7, 'not for you');
    try {
      const run = await setup({ TEMPORAL_NAMESPACE: namespace, TEMPORAL_ADDRESS: refusing.address });
      assertFailed(
        run,
        2,
        'TemporalRefused',
        '(not for you)',
        `temporal operator search-attribute create --namespace ${namespace} --name RiffleStage --type Keyword ` +
          '--name RiffleFailedTasks --type Int',
      );
    } finally {
      await refusing.close();
    }
  });
});
