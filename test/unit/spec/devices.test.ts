import assert from 'node:assert/strict';

import { buildDevices, type HostDevice } from '../../../src/spec/devices.ts';
import { invalid } from './fixtures.ts';

const node = (path: string, minor: number): HostDevice => ({ path, type: 'c', major: 10, minor, fileMode: 0o660, uid: 0, gid: 5 });
const none = { devices: [], hostDevices: [], privileged: false, inUserNamespace: false };
const device = (hostPath: string, containerPath: string, permissions: string) => ({ hostPath, containerPath, permissions });

describe('a container’s devices', () => {
  it('are denied but for those every container has', () => {
    const { devices, rules } = buildDevices(none);
    assert.deepEqual(devices, []);
    assert.deepEqual(rules[0], { allow: false, access: 'rwm' });
    assert.ok(rules.some(({ major, minor, access }) => major === 1 && minor === 3 && access === 'rwm'));
  });

  it('are added with a node and a rule', () => {
    const devices = [{ device: device('/dev/fuse', '/dev/f', 'rw'), source: '/dev/fuse', nodes: [node('/dev/fuse', 229)] }];
    const built = buildDevices({ ...none, devices });
    assert.deepEqual(built.devices, [{ ...node('/dev/f', 229) }]);
    assert.deepEqual(built.rules.at(-1), { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' });
  });

  it('are all those below a directory, at the same place below the container’s', () => {
    const nodes = [node('/dev/dri/card0', 0), node('/dev/dri/by-path/x', 1)];
    const devices = [{ device: device('/dev/gpu', '/dev/dri', ''), source: '/dev/dri', nodes }];
    const built = buildDevices({ ...none, devices });
    assert.deepEqual(built.devices.map(({ path }) => path), ['/dev/dri/card0', '/dev/dri/by-path/x']);
    assert.equal(built.rules.at(-1)?.access, 'rwm');
  });

  it('are the host’s, all open, for the privileged', () => {
    const built = buildDevices({ ...none, privileged: true, hostDevices: [node('/dev/fuse', 229)] });
    assert.deepEqual(built.devices.map(({ path }) => path), ['/dev/fuse']);
    assert.deepEqual(built.rules, [{ allow: true, access: 'rwm' }]);
  });

  it('are not the host’s in a user namespace, where they would belong to nobody', () => {
    const built = buildDevices({ ...none, privileged: true, inUserNamespace: true, hostDevices: [node('/dev/fuse', 229)] });
    assert.deepEqual(built.devices, []);
  });

  it('are refused with permissions that are none', () => {
    const devices = [{ device: device('/dev/fuse', '', 'rx'), source: '/dev/fuse', nodes: [node('/dev/fuse', 229)] }];
    assert.throws(() => buildDevices({ ...none, devices }), invalid('permissions', '/dev/fuse', '"rx"'));
  });
});
