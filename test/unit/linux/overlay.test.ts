import assert from 'node:assert/strict';
import { lowerFolders, overlayFolders, withLowers } from '../../../src/linux/overlay.ts';

describe('the folders of a root file system', () => {
  const overlay = (...options: string[]) => ({ type: 'overlay', source: 'overlay', options });
  const writable = ['index=off', 'workdir=/s/9/work', 'upperdir=/s/9/fs', 'lowerdir=/s/2/fs:/s/1/fs'];

  it('are those of its overlay, the topmost first', () => {
    const expected = { upper: '/s/9/fs', lowers: ['/s/2/fs', '/s/1/fs'] };
    assert.deepEqual(overlayFolders([overlay(...writable)]), expected);
    assert.deepEqual(overlayFolders([overlay('uidmap=0:300000:65536', ...writable.toReversed())]), expected);
  });

  for (const [what, root] of [
    ['nothing', []],
    ['a bind mount', [{ type: 'bind', source: '/s/1/fs', options: ['rw', 'rbind'] }]],
    ['an overlay for reading', [overlay('lowerdir=/s/2/fs:/s/1/fs')]],
    ['another program’s overlay', [{ ...overlay(...writable), type: 'fuse3.fuse-overlayfs' }]],
    ['several mounts', [{ type: 'erofs', source: '/s/1/layer', options: [] }, overlay(...writable)]],
  ] as const) {
    it(`are unknown where it is ${what}`, () => {
      assert.equal(overlayFolders(root), undefined);
    });
  }
});

describe('the lower folders of an overlay', () => {
  it('are those that its options name, and none where they name none', () => {
    assert.deepEqual(lowerFolders(['ro', 'lowerdir=/s/2/fs:/s/1/fs']), ['/s/2/fs', '/s/1/fs']);
    assert.deepEqual(lowerFolders(['ro', 'upperdir=/s/2/fs']), []);
  });

  it('are changed one by one, and no other option is', () => {
    const shown = (folder: string): string => `/shown${folder}`;
    assert.equal(withLowers('lowerdir=/a:/b', shown), 'lowerdir=/shown/a:/shown/b');
    assert.equal(withLowers('upperdir=/a', shown), 'upperdir=/a');
  });
});
