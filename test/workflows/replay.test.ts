// Recorded histories of every workflow type, replayed by today's code: what runs now must go on after an upgrade.
// RIFFLE_RECORD_HISTORIES=1 records them anew, which is right only where runs of older versions need not go on.
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import type { ReplayWorkerOptions } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFolder } from '../../src/packageFolder.js';
import { readHistories, writeHistories, type RecordedHistory } from '../support/histories.js';
import { recordHistories } from '../support/recordHistories.js';
import { stackTimeout } from '../support/stack.js';

describe('replay of recorded histories', function () {
  this.timeout(stackTimeout);
  let histories: RecordedHistory[];

  before(async () => {
    // Each replay that fails, as it must below, would be told at length.
    const logging = { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) };
    Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), telemetryOptions: { logging } });
    if (process.env.RIFFLE_RECORD_HISTORIES) await writeHistories(await recordHistories());
    histories = await readHistories();
  });

  /** Names of the runs whose replay fails, with what it fails of. */
  async function failuresWith(options: ReplayWorkerOptions): Promise<Map<RecordedHistory, Error>> {
    const failures = new Map<RecordedHistory, Error>();
    for (const recorded of histories) {
      const { history, workflowId } = recorded;
      const fail = (error: Error): void => void failures.set(recorded, error);
      await Worker.runReplayHistory(options, history, workflowId).catch(fail);
    }
    return failures;
  }

  it('there is one of every workflow type, and of each step that takes another way', async () => {
    const index = await readFile(join(packageFolder(), 'src', 'workflows', 'index.ts'), 'utf8');
    const types = [...index.matchAll(/export \{ (.*) \}/g)].flatMap(([, names]) => names!.split(', '));
    assert.deepEqual(new Set(histories.map(({ type }) => type)), new Set(types));
    const kinds = histories.flatMap(({ history }) => history.events!.flatMap((event) => Object.keys(event)));
    const events = new Set(kinds.map((kind) => kind.replace('EventAttributes', '')));
    for (const event of [
      'workflowExecutionUpdateCompleted',
      'workflowExecutionSignaled',
      'childWorkflowExecutionFailed',
      'workflowExecutionFailed',
      'workflowExecutionCanceled',
      'timerCanceled',
      'activityTaskFailed',
      'upsertWorkflowSearchAttributes',
    ]) {
      assert.ok(events.has(event), `no ${event} in any history`);
    }
  });

  it('every activity and every child says in a line what it is for', () => {
    const events = histories.flatMap(({ history }) => history.events!);
    const started = events.filter(
      (event) =>
        event.activityTaskScheduledEventAttributes ?? event.startChildWorkflowExecutionInitiatedEventAttributes,
    );
    assert.ok(started.length > 100);
    const silent = started.filter(({ userMetadata }) => !userMetadata?.summary);
    assert.deepEqual(
      silent.map(({ activityTaskScheduledEventAttributes: activity }) => activity?.activityType?.name),
      [],
    );
  });

  it('the file names no machine', () => {
    assert.doesNotMatch(JSON.stringify(histories), /riffle\/\w+\/\d+@|"stackTrace":"[^"]/);
  });

  it('today’s workflows take the same steps', async () => {
    const codePath = join(packageFolder(), 'dist', 'workflows.bundle.cjs');
    const failures = await failuresWith({ workflowBundle: { codePath } });
    const named = [...failures].map(([{ name, type }, error]) => `${name} (${type}): ${error.message}`);
    assert.deepEqual(named, []);
  });

  it('workflows that take one step more are found out, each type', async () => {
    const bundle = await bundleWorkflowCode({
      workflowsPath: join(packageFolder(), 'test', 'support', 'changedWorkflows.ts'),
      webpackConfigHook: (config) => ({
        ...config,
        resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
      }),
      logger: new DefaultLogger('ERROR', () => undefined),
    });
    const failures = await failuresWith({ workflowBundle: bundle });
    const missed = histories.filter((recorded) => !(failures.get(recorded) instanceof DeterminismViolationError));
    assert.deepEqual(
      missed.map(({ name, type }) => `${name} (${type}): ${failures.get(missed[0]!)}`),
      [],
    );
  });
});
