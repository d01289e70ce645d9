import assert from 'node:assert/strict';
import { Loaded } from '../../web/src/loaded.js';

describe('what was loaded', () => {
  it('is loaded once, and at hand when it is there', async () => {
    const loaded = new Loaded<number, string>(10);
    let loads = 0;
    const load = (): Promise<string> => Promise.resolve(`${++loads}`);
    assert.equal(loaded.peek(1), undefined);
    assert.deepEqual(await Promise.all([loaded.get(1, load), loaded.get(1, load)]), ['1', '1']);
    assert.equal(loaded.peek(1), '1');
  });

  it('drops what was used least lately', async () => {
    const loaded = new Loaded<number, number>(2);
    for (const key of [1, 2, 1, 3]) await loaded.get(key, () => Promise.resolve(key));
    assert.deepEqual([loaded.peek(1), loaded.peek(2), loaded.peek(3)], [1, undefined, 3]);
  });

  it('is tried again after a failure', async () => {
    const loaded = new Loaded<number, number>(2);
    await assert.rejects(
      loaded.get(1, () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    assert.equal(await loaded.get(1, () => Promise.resolve(7)), 7);
  });
});
