import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { writeTar } from '../../../../hack/images/tar.ts';

describe('an archive of a layer', () => {
  it('holds names that are longer than their field, as tar reads them', () => {
    const long = `var/registry/pause/manifests/sha256/ab/${'ab'.repeat(32)}/data`;
    const archive = writeTar([
      { type: 'file', path: long, data: Buffer.from('x') },
      { type: 'file', path: 'short', data: Buffer.from('y') },
    ]);
    assert.ok(long.length > 100);
    const names = execFileSync('tar', ['--list'], { input: archive, encoding: 'utf8' });
    assert.deepEqual(names.trim().split('\n'), [long, 'short']);
  });

  it('takes no name that fits in no way', () => {
    assert.throws(() => writeTar([{ type: 'file', path: 'x'.repeat(101), data: Buffer.alloc(0) }]), /longer than 100 bytes/);
  });
});
