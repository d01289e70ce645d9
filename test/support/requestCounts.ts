import { noRequests } from '../../src/shuffle/requests.js';
import type { Requests } from '../../src/shuffle/requests.js';
import type { SeenRequest } from './faultProxy.js';

/** Requests by what S3 asks for them; `other` are those that a fault-free shuffle never sends. */
export function countByPrice(seen: readonly SeenRequest[]): Requests & { readonly other: number } {
  const counts = { ...noRequests, other: 0 };
  for (const { method, url } of seen) {
    const query = new URL(url, 'http://s3').searchParams;
    const object = !query.has('list-type') && !query.has('uploads');
    if (method === 'GET') counts[object ? 'get' : 'list']++;
    else if (method === 'HEAD') counts.head++;
    else if (method === 'POST' && query.has('delete')) counts.delete++;
    else if (method === 'PUT' || method === 'POST') counts.put++;
    else counts.other++;
  }
  return counts;
}
