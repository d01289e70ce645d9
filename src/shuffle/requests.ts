/** Requests to S3, by what S3 asks for them. */
export interface Requests {
  /** GETs of objects. */
  readonly get: number;
  /** HEADs, which cost as much as GETs. */
  readonly head: number;
  /** PUTs and the POSTs of multipart uploads. */
  readonly put: number;
  /** LISTs, of objects and of unfinished uploads, which cost as much as PUTs. */
  readonly list: number;
  /** DeleteObjects, which are free. */
  readonly delete: number;
}

export const noRequests: Requests = { get: 0, head: 0, put: 0, list: 0, delete: 0 };

export function addRequests(...all: readonly Partial<Requests>[]): Requests {
  const sum = (kind: keyof Requests): number => all.reduce((total, requests) => total + (requests[kind] ?? 0), 0);
  return { get: sum('get'), head: sum('head'), put: sum('put'), list: sum('list'), delete: sum('delete') };
}

export function timesRequests(count: number, requests: Partial<Requests>): Requests {
  const { get, head, put, list, delete: deletes } = { ...noRequests, ...requests };
  return { get: count * get, head: count * head, put: count * put, list: count * list, delete: count * deletes };
}
