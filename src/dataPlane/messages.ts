import type { TaskOutcome } from '../workflows/contract.js';
import type { Job } from './jobs.js';

/** What the main thread tells a data thread. A thread does one job at a time. */
export type Order =
  | { readonly order: 'run'; readonly job: Job }
  /** The memory that the job asked for is its own. */
  | { readonly order: 'granted' }
  /** The job is to end at once. */
  | { readonly order: 'cancel' };

/** What a data thread tells the main thread about its job. */
export type Note =
  /** It will hold so many bytes, and waits until it may. */
  | { readonly note: 'reserve'; readonly bytes: number }
  | Progress
  | { readonly note: 'done'; readonly outcome: TaskOutcome }
  | { readonly note: 'failed'; readonly error: ForwardedFailure };

/** How far a job is. It gets no further when nothing here changes. */
export interface Progress {
  readonly note: 'progress';
  /** Bytes read and written. */
  readonly bytes: number;
  /** Steps of computations, and requests to S3. */
  readonly steps: number;
}

/** An error on its way between threads. */
export interface ForwardedFailure {
  readonly message: string;
  readonly stack: string | undefined;
  /** Only for errors of riffle. */
  readonly known?: {
    readonly code: string;
    readonly fields: Record<string, unknown>;
    readonly retryable: boolean;
    readonly refusal: boolean;
  };
}
