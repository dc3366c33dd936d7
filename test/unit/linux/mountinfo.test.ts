import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC } from '../../../src/linux/libc.ts';
import { parseMountOptions } from '../../../src/linux/mount-options.ts';
import { parseMountinfo } from '../../../src/linux/mountinfo.ts';

describe('mountinfo', () => {
  it('is taken apart, optional fields and escapes included', () => {
    const text =
      '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n' +
      '37 36 0:4 / /proc rw,relatime - proc proc rw\n';
    assert.deepEqual(parseMountinfo(text), [
      {
        id: 36,
        parentId: 35,
        root: '/mnt1',
        mountPoint: '/mnt 2',
        options: ['rw', 'noatime'],
        tags: ['master:1', 'shared:7'],
        fsType: 'ext3',
        source: '/dev/root',
        superOptions: ['rw', 'errors=continue'],
      },
      {
        id: 37,
        parentId: 36,
        root: '/',
        mountPoint: '/proc',
        options: ['rw', 'relatime'],
        tags: [],
        fsType: 'proc',
        source: 'proc',
        superOptions: ['rw'],
      },
    ]);
  });

  it('skips lines that are none, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const entry of parseMountinfo(text)) assert.equal(typeof entry.mountPoint, 'string');
      }),
    );
  });
});

describe('mount options', () => {
  it('become flags, propagation and data, the later one winning', () => {
    assert.deepEqual(parseMountOptions(['rbind', 'ro', 'nosuid', 'rw', 'nodev', 'rprivate', 'index=off', 'X-foo']), {
      flags: MS_BIND | MS_REC | MS_NOSUID | MS_NODEV,
      propagation: [MS_PRIVATE | MS_REC],
      data: ['index=off'],
    });
    assert.equal(parseMountOptions(['ro']).flags, MS_RDONLY);
  });
});
