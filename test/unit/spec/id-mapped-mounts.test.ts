import assert from 'node:assert/strict';
import { checkIdMappings, ociIdMappings, requireIdMapSupport } from '../../../src/spec/id-mapped-mounts.ts';
import { criMount, idRange, invalid } from './fixtures.ts';

const both = { uidMappings: idRange, gidMappings: idRange };

describe('a mount with mapped ids', () => {
  const check = (over: Parameters<typeof criMount>[1]) => () => checkIdMappings(criMount('/data', over), 1);

  it('maps users and groups, up to the last id, or neither', () => {
    assert.doesNotThrow(check({}));
    assert.doesNotThrow(check(both));
    assert.doesNotThrow(check({ ...both, uidMappings: [{ hostId: 0, containerId: 0, length: 4_294_967_295 }] }));
  });

  const refused: { name: string; over: Parameters<typeof criMount>[1]; says: string[] }[] = [
    { name: 'users without groups', over: { uidMappings: idRange }, says: ['config.mounts[1].gidMappings is []: ', '/data', 'both'] },
    { name: 'groups without users', over: { gidMappings: idRange }, says: ['config.mounts[1].uidMappings is []: ', '/data', 'both'] },
    { name: 'no ids', over: { ...both, gidMappings: [{ hostId: 1, containerId: 5, length: 0 }] }, says: ['config.mounts[1].gidMappings', '"length":0'] },
    { name: 'ids past the last one', over: { ...both, uidMappings: [{ hostId: 0, containerId: 4_294_967_295, length: 1 }] }, says: ['config.mounts[1].uidMappings', '4294967295'] },
  ];
  for (const { name, over, says } of refused) {
    it(`is refused with ${name}`, () => {
      assert.throws(check(over), invalid(...says));
    });
  }

  it('is refused where kernel or runtime cannot map it', () => {
    assert.throws(() => requireIdMapSupport(criMount('/data', both), 1, false), invalid('config.mounts[1].uidMappings', 'id-mapped'));
    assert.doesNotThrow(() => requireIdMapSupport(criMount('/data', both), 1, true));
    assert.doesNotThrow(() => requireIdMapSupport(criMount('/data'), 1, false));
  });

  it('has its mappings in the OCI’s words, and no empty ones', () => {
    const mapped = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    assert.deepEqual(ociIdMappings({ uids: idRange, gids: idRange }), { uidMappings: mapped, gidMappings: mapped });
    assert.deepEqual([ociIdMappings({ uids: [], gids: [] }), ociIdMappings(undefined)], [{}, {}]);
  });
});
