import assert from 'node:assert/strict';
import { compareCniVersions, isCniVersionAtLeast, selectCniVersion } from '../../../src/cni/version.ts';
import { isKind } from '../../../src/lib/errors.ts';

describe('CNI spec versions', () => {
  it('are compared by number, not by text', () => {
    assert.ok(compareCniVersions('0.10.0', '0.9.9') > 0);
    assert.equal(compareCniVersions('1.0', '1.0.0'), 0);
    assert.ok(isCniVersionAtLeast('1.1.0', '0.4.0'));
    assert.ok(!isCniVersionAtLeast('0.3.1', '0.4.0'));
  });

  for (const [what, version, versions, chosen] of [
    ['is the only one given', '0.4.0', [], '0.4.0'],
    ['is 0.1.0 when none is given', '', [], '0.1.0'],
    ['is the highest of both fields', '0.4.0', ['0.3.1', '1.0.0'], '1.0.0'],
    ['leaves out those that are too new', '9.9.9', ['1.1.0', '1.2.0'], '1.1.0'],
  ] as const) {
    it(`the version to speak ${what}`, () => assert.equal(selectCniVersion(version, versions), chosen));
  }

  for (const version of ['1.2.0', 'new', '1.0.0.0', '-1.0.0', '1..0']) {
    it(`refuses to speak ${version}`, () => {
      assert.throws(() => selectCniVersion(version, []), (error) => isKind(error, 'failedPrecondition'));
    });
  }
});
