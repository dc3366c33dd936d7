import assert from 'node:assert/strict';

import { containerNamespaces, pauseNamespaces } from '../../../src/spec/namespaces.ts';
import { failure, idRange, namespaceOption } from './fixtures.ts';

const sandbox = { net: '/ns/net', uts: '/ns/uts', ipc: '/ns/ipc', pid: '/proc/7/ns/pid' };
const pod = namespaceOption();
const usual = { sandbox, sandboxOptions: pod, containerOptions: pod, cgroupVersion: 2, privileged: false } as const;
const joined = [
  { type: 'network', path: '/ns/net' },
  { type: 'ipc', path: '/ns/ipc' },
  { type: 'uts', path: '/ns/uts' },
];

describe('a container’s namespaces', () => {
  it('are the sandbox’s, with PID, mount and cgroup of its own', () => {
    assert.deepEqual(containerNamespaces(usual).namespaces, [{ type: 'pid' }, ...joined, { type: 'mount' }, { type: 'cgroup' }]);
  });

  const pids: { name: string; over: object; expected: object[] }[] = [
    { name: 'share the sandbox’s PID namespace by default', over: { containerOptions: null }, expected: [{ type: 'pid', path: sandbox.pid }] },
    { name: 'share the host’s PID namespace for NODE', over: { containerOptions: namespaceOption({ pid: 'NODE' }) }, expected: [] },
    { name: 'share the sandbox’s where that is the host’s', over: { containerOptions: null, sandboxOptions: namespaceOption({ pid: 'NODE' }) }, expected: [] },
    { name: 'share another container’s for TARGET', over: { containerOptions: namespaceOption({ pid: 'TARGET', targetId: 'c' }), targetPidPath: '/proc/9/ns/pid' }, expected: [{ type: 'pid', path: '/proc/9/ns/pid' }] },
  ];
  for (const { name, over, expected } of pids) {
    it(name, () => {
      const { namespaces } = containerNamespaces({ ...usual, ...over });
      assert.deepEqual(namespaces.filter(({ type }) => type === 'pid'), expected);
    });
  }

  it('follow the sandbox onto the host, whatever the container says', () => {
    const { namespaces } = containerNamespaces({ ...usual, sandbox: {}, containerOptions: namespaceOption() });
    assert.deepEqual(namespaces.map(({ type }) => type), ['pid', 'mount', 'cgroup']);
  });

  it('are refused while the PID namespace to join is not there', () => {
    const noPause = { ...usual, sandbox: { net: '/n' }, containerOptions: null };
    assert.throws(() => containerNamespaces(noPause), failure('failedPrecondition', 'pause'));
    const noTarget = { ...usual, containerOptions: namespaceOption({ pid: 'TARGET', targetId: 'abc' }) };
    assert.throws(() => containerNamespaces(noTarget), failure('failedPrecondition', '"abc"'));
  });

  it('have no cgroup namespace on v1 or for the privileged', () => {
    for (const over of [{ cgroupVersion: 1 as const }, { privileged: true }]) {
      assert.ok(!containerNamespaces({ ...usual, ...over }).namespaces.some(({ type }) => type === 'cgroup'));
    }
  });

  it('bring the mappings of the Pod’s user namespace', () => {
    const sandboxOptions = namespaceOption({ usernsOptions: { mode: 'POD', uids: idRange, gids: idRange } });
    const section = containerNamespaces({ ...usual, sandboxOptions, sandbox: { ...sandbox, user: '/ns/user' } });
    assert.ok(section.namespaces.some(({ type, path }) => type === 'user' && path === '/ns/user'));
    assert.deepEqual(section.uidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
    assert.deepEqual(section.gidMappings, section.uidMappings);
  });
});

describe('the pause container’s namespaces', () => {
  it('are the sandbox’s with a PID namespace of its own', () => {
    assert.deepEqual(pauseNamespaces(sandbox, pod).namespaces, [{ type: 'pid' }, ...joined, { type: 'mount' }]);
  });

  it('have the host’s PIDs for a Pod in the host’s', () => {
    assert.deepEqual(pauseNamespaces({}, namespaceOption({ pid: 'NODE' })).namespaces, [{ type: 'mount' }]);
  });
});
