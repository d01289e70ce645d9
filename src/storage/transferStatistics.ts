/** Requests as S3 prices and limits them. `put` includes those that make a multipart upload. */
export type Operation = 'get' | 'head' | 'list' | 'put' | 'delete';

/** What S3 limits apart from each other. */
export type Direction = 'read' | 'write';

export function directionOf(operation: Operation): Direction {
  return operation === 'put' || operation === 'delete' ? 'write' : 'read';
}

/** What a store has sent and received since it was made. Only ever counted up; whoever wants rates takes differences. */
export interface TransferStatistics {
  /** Requests sent, repeated and hedging ones included. */
  readonly requests: Readonly<Record<Operation, number>>;
  /** Bytes of objects that arrived, wherever they were wanted in the end. */
  readonly bytesRead: number;
  /** Bytes of objects that the store has acknowledged. */
  readonly bytesWritten: number;
  /** Requests that repeat one that failed. */
  readonly retries: number;
  /** Answers that said that requests come too fast. */
  readonly throttled: number;
  /** Second requests for ranges that were slow to come. */
  readonly hedges: number;
}

type Writable<T> = { -readonly [name in keyof T]: T[name] };

/** The same for the store itself. */
export type TransferCounters = Writable<Omit<TransferStatistics, 'requests'>> & {
  readonly requests: Record<Operation, number>;
};

export function newCounters(): TransferCounters {
  return {
    requests: { get: 0, head: 0, list: 0, put: 0, delete: 0 },
    bytesRead: 0,
    bytesWritten: 0,
    retries: 0,
    throttled: 0,
    hedges: 0,
  };
}
