import { Recent } from '../recent.js';
import { decodePlanFile } from '../shuffle/run.js';
import type { ShuffleRun } from '../shuffle/run.js';
import { runTask } from '../shuffle/task.js';
import type { TaskContext } from '../shuffle/task.js';
import { parsePrefix } from '../storage/uri.js';
import { encodePart, readPart, VerifyRun } from '../verify/verifyRun.js';
import { checkEncoder } from '../encoder/checkEncoder.js';
import type { Shapes } from '../encoder/tiles.js';
import { checkComputeKind, workerCompute } from '../visualize/computeKind.js';
import { decodePlanFile as decodeVisualizePlan, passes } from '../visualize/run.js';
import type { VisualizeRun } from '../visualize/run.js';
import { dumpOf } from '../visualize/sources.js';
import { runVisualizeTask } from '../visualize/task.js';
import type {
  RunReference,
  TaskCall,
  TaskOutcome,
  VerifyReference,
  VisualizeReference,
} from '../workflows/contract.js';

/** A task of a shuffle. */
export interface ShuffleJob {
  readonly kind: 'shuffle';
  readonly call: TaskCall<RunReference>;
  /** The bytes of the plan, which all threads share: it is read once a process. */
  readonly planFile: Uint8Array;
}

/** A task of a verification. */
export interface VerifyJob {
  readonly kind: 'verify';
  readonly call: TaskCall<VerifyReference>;
}

/** A task of a visualize run. */
export interface VisualizeJob {
  readonly kind: 'visualize';
  readonly call: TaskCall<VisualizeReference>;
  /** The bytes of the plan, which all threads share. */
  readonly planFile: Uint8Array;
}

/** Work for a thread. */
export type Job = ShuffleJob | VerifyJob | VisualizeJob;

/** Each slot of a worker computes by itself. */
const compute = workerCompute(process.env);

/** Passes whose tasks compute activations or what follows from weights. */
const computing: ReadonlySet<number> = new Set([passes.cutOff, passes.collect, passes.render]);

/** What a job works with: the same as a task of a shuffle, whatever its kind. */
export type JobContext = Omit<TaskContext, 'inputs'>;

/** Runs and verifications that a thread keeps at hand. */
const kept = 4;

/** Does jobs, one after the other. */
export class Jobs {
  private readonly shuffles = new Recent<ShuffleRun>(kept);
  private readonly verifications = new Recent<VerifyRun>(kept);
  private readonly visualizations = new Recent<VisualizeRun>(kept);
  private shapes: Promise<Shapes> | undefined;

  run(job: Job, context: JobContext): Promise<TaskOutcome> {
    switch (job.kind) {
      case 'shuffle':
        return this.shuffle(job, context);
      case 'verify':
        return this.verify(job, context);
      case 'visualize':
        return this.visualize(job, context);
    }
  }

  private async shuffle({ call, planFile }: ShuffleJob, context: JobContext): Promise<TaskOutcome> {
    const { scope, pass, task, redo } = call;
    const output = parsePrefix(scope.output);
    const run = await this.shuffles.get(`${scope.output} ${scope.plan}`, () =>
      // A text decoder takes no shared memory.
      Promise.resolve(decodePlanFile(planFile.slice(), output, scope.plans)),
    );
    const inputs = scope.inputs.map(parsePrefix);
    const { report, skipped } = await runTask(run, pass, task, redo, { ...context, inputs });
    return { records: report.records, digest: report.digest, skipped };
  }

  private async verify({ call: { scope, task, redo } }: VerifyJob, context: JobContext): Promise<TaskOutcome> {
    const { store, signal } = context;
    const run = await this.verifications.get(`${scope.input} ${scope.output} ${scope.datasets}`, () =>
      VerifyRun.open(store, { input: scope.input, output: scope.output }),
    );
    const done = redo ? undefined : await readPart(store, run, task, signal);
    const part = done ?? (await run.runTask(task, context));
    signal.throwIfAborted();
    if (!done) await store.put(run.partLocation(task), [encodePart(part)], { signal });
    return { records: part.records, digest: part.digest, skipped: done !== undefined };
  }

  private async visualize({ call, planFile }: VisualizeJob, context: JobContext): Promise<TaskOutcome> {
    const { scope, pass, task, redo } = call;
    const run = await this.visualizations.get(`${scope.output} ${scope.plan}`, () =>
      Promise.resolve(decodeVisualizePlan(planFile.slice(), parsePrefix(scope.output))),
    );
    if (computing.has(pass)) checkComputeKind(run.plan.compute, compute);
    const { report, skipped } = await runVisualizeTask(pass, task, redo, {
      ...context,
      run,
      uris: scope.uris,
      dump: dumpOf(run, scope.uris),
      compute,
      shapes: await (this.shapes ??= checkEncoder(compute)),
    });
    return { records: report.records, digest: report.digest, skipped };
  }
}
