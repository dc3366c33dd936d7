import assert from 'node:assert/strict';

import { apparmorProfile, parseApparmorProfiles } from '../../../src/spec/apparmor.ts';
import { invalid } from './fixtures.ts';

const loaded = ['cri-containerd.apparmor.d', 'mine'];
const on = { apparmorEnabled: true };
const off = { apparmorEnabled: false };
type Fields = Parameters<typeof apparmorProfile>[0];
const fields = (over: Partial<Fields>): Fields => ({ privileged: false, apparmor: null, apparmorProfile: '', ...over });
const named = (localhostRef: string) => ({ profileType: 'Localhost' as const, localhostRef });
const plain = (profileType: 'RuntimeDefault' | 'Unconfined') => ({ profileType, localhostRef: '' });

describe('a container’s AppArmor profile', () => {
  const table: { name: string; given: Fields; expected: string | undefined }[] = [
    { name: 'is the default when none is named', given: fields({}), expected: loaded[0] },
    { name: 'is the default by the new field', given: fields({ apparmor: plain('RuntimeDefault') }), expected: loaded[0] },
    { name: 'is the default by the old field', given: fields({ apparmorProfile: 'runtime/default' }), expected: loaded[0] },
    { name: 'is none when unconfined', given: fields({ apparmor: plain('Unconfined') }), expected: undefined },
    { name: 'is none for the privileged', given: fields({ privileged: true }), expected: undefined },
    { name: 'is the named one for the privileged too', given: fields({ privileged: true, apparmor: named('mine') }), expected: 'mine' },
    { name: 'is the named one of the old field', given: fields({ apparmorProfile: 'localhost/mine' }), expected: 'mine' },
    { name: 'is the new field before the old', given: fields({ apparmor: named('mine'), apparmorProfile: 'localhost/other' }), expected: 'mine' },
  ];
  for (const { name, given, expected } of table) {
    it(name, () => {
      assert.equal(apparmorProfile(given, on, loaded), expected);
    });
  }

  it('is refused when it is not loaded', () => {
    assert.throws(() => apparmorProfile(fields({ apparmor: named('gone') }), on, loaded), invalid('config.linux.security_context.apparmor.localhost_ref is "gone"', 'loaded'));
    assert.throws(() => apparmorProfile(fields({ apparmor: plain('RuntimeDefault') }), on, []), invalid('config.linux.security_context.apparmor', 'loaded'));
  });

  it('is none where nobody loaded the default and nobody asked for it', () => {
    assert.equal(apparmorProfile(fields({}), on, []), undefined);
  });

  it('is refused on a host without AppArmor unless it asks for none', () => {
    assert.equal(apparmorProfile(fields({}), off, []), undefined);
    assert.equal(apparmorProfile(fields({ apparmor: plain('Unconfined') }), off, []), undefined);
    const field = 'config.linux.security_context.apparmor';
    assert.throws(() => apparmorProfile(fields({ apparmor: named('mine') }), off, loaded), invalid(`${field}.localhost_ref is "mine"`, 'not enabled'));
    assert.throws(() => apparmorProfile(fields({ apparmorProfile: 'localhost/mine' }), off, loaded), invalid(`${field}_profile is "mine"`, 'not enabled'));
    assert.throws(() => apparmorProfile(fields({ apparmor: plain('RuntimeDefault') }), off, loaded), invalid(`${field} is "RuntimeDefault"`, 'not enabled'));
  });

  it('is found among the loaded ones by its whole name', () => {
    assert.deepEqual(parseApparmorProfiles('a b (enforce)\nmine (complain)\n'), ['a b', 'mine']);
  });
});
