import assert from 'node:assert/strict';
import { shimId } from '../../../src/app/lost-shims.ts';

describe('a shim of this containerd', () => {
  const id = 'a'.repeat(64);
  const shim = (namespace: string, address: string, of = id): string[] => [
    '/usr/bin/containerd-shim-runc-v2', '-namespace', namespace, '-id', of, '-address', address,
  ];

  it('is known by its program, namespace, address and id', () => {
    assert.equal(shimId(shim('k8s.io', '/run/c.sock'), '/run/c.sock', 'k8s.io'), id);
  });

  it('is not one of another containerd or namespace, with another kind of id, or another program', () => {
    assert.equal(shimId(shim('k8s.io', '/run/other.sock'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(shim('moby', '/run/c.sock'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(shim('k8s.io', '/run/c.sock', 'by-hand'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(['/bin/sleep', ...shim('k8s.io', '/run/c.sock').slice(1)], '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId([], '/run/c.sock', 'k8s.io'), undefined);
  });
});
