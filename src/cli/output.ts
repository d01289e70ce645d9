import { RiffleError } from '../errors.js';

/** What a command found, ready to be shown. */
export interface Outcome {
  /** For programs (`--json`). */
  readonly json: unknown;
  /** For programs, where there may be several documents: one a line, printed as they are instead of `json`. */
  readonly jsonLines?: readonly string[];
  /** For people. */
  readonly text: string;
  /** Exit code [0]. */
  readonly exitCode?: number;
}

/** A failure that another process reported: code and message as they came, and whether data had been moved. */
export class ReportedFailure extends Error {
  constructor(
    readonly report: Readonly<Record<string, unknown>>,
    readonly refused: boolean,
    message: string,
  ) {
    super(message);
  }
}

/** A line for people. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a command and shows what it returns or throws: with `json` one JSON document on stdout, text otherwise.
 * @returns the exit code: 0 done, 2 refused before any data was moved, 1 anything later
 */
export async function present(json: boolean, command: () => Promise<Outcome>): Promise<number> {
  try {
    const outcome = await command();
    if (json) printJson(outcome);
    else process.stdout.write(outcome.text && `${outcome.text}\n`);
    return outcome.exitCode ?? 0;
  } catch (error) {
    const { report, exitCode } = reportOf(error);
    if (json) process.stdout.write(`${JSON.stringify({ error: report }, undefined, 2)}\n`);
    // One line, the last: what CI shows of a failure.
    say(`riffle: ${report.message.replace(/\s*\n\s*/g, ' ')} [${report.code}]`);
    return exitCode;
  }
}

function printJson({ json, jsonLines }: Outcome): void {
  if (jsonLines === undefined) process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
  else for (const line of jsonLines) process.stdout.write(line);
}

interface Report {
  readonly code: string;
  readonly message: string;
}

function reportOf(error: unknown): { report: Report; exitCode: number } {
  if (error instanceof RiffleError) {
    return { report: { code: error.code, message: error.message, ...error.fields }, exitCode: error.refusal ? 2 : 1 };
  }
  if (error instanceof ReportedFailure) {
    return { report: { code: 'Error', message: error.message, ...error.report }, exitCode: error.refused ? 2 : 1 };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { report: { code: 'Unexpected', message }, exitCode: 1 };
}
