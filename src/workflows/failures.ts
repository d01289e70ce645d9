import { rootCause } from '@temporalio/common';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation } from '@temporalio/workflow';

/** The failure of riffle's own inside Temporal's wrappers, or undefined when there is none. */
export function innermost(error: unknown): ApplicationFailure | undefined {
  let at = error;
  while (at instanceof ActivityFailure || at instanceof ChildWorkflowFailure) at = at.cause;
  return at instanceof ApplicationFailure ? at : undefined;
}

/** What an activity failed of: riffle's own failure, or what Temporal noticed, such as a lost worker. */
export function codeAndMessage(error: unknown): { code: string; message: string } {
  const inner = innermost(error);
  if (inner) return { code: inner.type ?? 'Error', message: inner.message };
  return { code: 'AttemptsLost', message: `every attempt was lost (${rootCause(error) ?? String(error)}).` };
}

/**
 * The same failure without Temporal's wrappers, so that the first line that people see says what broke. Cancellations
 * and the like pass unchanged.
 */
export function unwrapped(error: unknown): unknown {
  const inner = innermost(error);
  if (!inner) return error;
  const { message, type, details, stack } = inner;
  const bare = ApplicationFailure.create({
    message,
    type: type ?? 'Error',
    nonRetryable: true,
    details: details ?? [],
  });
  return withStack(bare, type === 'Unexpected' ? stack : undefined);
}

/** Where workflow code raised a failure helps nobody, and the CLI and the web UI show it below every message. */
function withStack(error: ApplicationFailure, stack = ''): ApplicationFailure {
  error.stack = stack;
  return error;
}

/** A failure with a stable code, as activities raise them. */
export function failure(code: string, message: string, fields: Record<string, unknown> = {}): ApplicationFailure {
  const details = [{ ...fields, code, message }];
  return withStack(ApplicationFailure.create({ message, type: code, nonRetryable: true, details }));
}

/** Runs a root workflow's body; what it throws reaches people without Temporal's wrappers. */
export async function asRoot<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw isCancellation(error) ? error : unwrapped(error);
  }
}
