import assert from 'node:assert/strict';
import { featureLink, listLink, parseRoute, searchLink } from '../../web/src/routes.js';

describe('routes of the feature browser', () => {
  it('reads the links that it writes', () => {
    assert.deepEqual(parseRoute(featureLink(7)), { view: 'feature', feature: 7, query: new URLSearchParams() });
    const example = parseRoute(featureLink(7, 90211));
    assert.equal(example.view === 'feature' && example.query.get('example'), '90211');
    const list = parseRoute(listLink('1,5,10-19'));
    assert.equal(list.view === 'list' && list.features, '1,5,10-19');
    const search = parseRoute(searchLink(new URLSearchParams({ q: ' a&b#?' })));
    assert.equal(search.view === 'search' && search.query.get('q'), ' a&b#?');
  });

  it('shows the overview at the bare address, and names what it does not know', () => {
    for (const hash of ['', '#', '#/']) assert.equal(parseRoute(hash).view, 'overview');
    for (const hash of ['#/feature/', '#/feature/-1', '#/feature/1x', '#/feature/12345678901', '#/list/a', '#/x']) {
      assert.deepEqual(parseRoute(hash), { view: 'unknown', hash });
    }
  });
});
