import assert from 'node:assert/strict';
import { type ContainerDefaults, noDefaults } from '../../../src/spec/container-defaults.ts';
import { buildContainerSpec, type ContainerSpecInput } from '../../../src/spec/container-spec.ts';
import type { HostDevice, ResolvedDevice } from '../../../src/spec/devices.ts';
import { parseHookFile } from '../../../src/spec/hooks.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';
import { mergeResources } from '../../../src/spec/resources.ts';
import { toTaskResources } from '../../../src/spec/task-resources.ts';
import { containerConfig, criMount, host, idRange, image, namespaceOption, resources, sandboxConfig } from './fixtures.ts';

const input: ContainerSpecInput = {
  sandboxId: 's1',
  sandboxConfig: sandboxConfig(),
  config: containerConfig(),
  hostname: 'web',
  imageName: 'app:1',
  image,
  userFiles: {},
  namespaces: {},
  cgroupsPath: '/c1',
  files: {},
  mounts: [],
  rroSupported: true,
  idMapSupported: true,
  host,
};
const built = (defaults: Partial<ContainerDefaults>, over: Partial<ContainerSpecInput> = {}): OciSpec =>
  buildContainerSpec({ ...input, ...over, defaults: { ...noDefaults, ...defaults } });

describe('what a node gives to every container', () => {
  it('are variables where neither the image nor the config has them', () => {
    const config = containerConfig({ envs: [{ key: 'MINE', value: Buffer.from('config') }] });
    const { env } = built({ env: ['LANG=node', 'MINE=node', 'NODE=node', 'PATH=/node'] }, { config }).process;
    assert.deepEqual(env.toSorted(), ['HOSTNAME=web', 'LANG=C', 'MINE=config', 'NODE=node', 'PATH=/bin']);
  });

  it('are limits of its processes', () => {
    const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1n, hard: 2n }];
    assert.deepEqual(built({ rlimits }).process.rlimits, rlimits);
    assert.equal('rlimits' in built({}).process, false);
  });

  it('is a limit on their number, which an update of resources keeps and does not send again', () => {
    const { resources: given } = built({ pidsLimit: 100 }).linux;
    assert.deepEqual(given.pids, { limit: 100 });
    const updated = mergeResources(given, resources({ cpuShares: '5' }), host);
    assert.deepEqual([updated.pids, 'pids' in toTaskResources(updated, host)], [{ limit: 100 }, false]);
    assert.equal('pids' in built({}).linux.resources, false);
  });

  it('is its time zone, read-only, unless a mount is there, and with its own owner in a user namespace', () => {
    const at = (spec: OciSpec) => spec.mounts.filter(({ destination }) => destination === '/etc/localtime');
    const localtime = '/usr/share/zoneinfo/Europe/Berlin';
    const shown = { destination: '/etc/localtime', type: 'bind', source: localtime, options: ['rbind', 'rprivate', 'ro'] };
    assert.deepEqual(at(built({ localtime })), [shown]);
    const mounts = [{ mount: criMount('/etc/localtime'), source: '/own' }];
    assert.deepEqual(at(built({ localtime }, { mounts })).map(({ source }) => source), ['/own']);
    const namespaceOptions = namespaceOption({ usernsOptions: { mode: 'POD', uids: idRange, gids: idRange } });
    const mapped = { sandboxConfig: sandboxConfig({}, { namespaceOptions }), namespaces: { user: '/u' } };
    assert.deepEqual(at(built({ localtime }, mapped)), [shown]);
  });

  it("are devices of the container's user, but not of root and not those it does not ask for", () => {
    const node = (path: string): HostDevice => ({ path, type: 'c', major: 1, minor: 2, fileMode: 0o600, uid: 3, gid: 4 });
    const devices: ResolvedDevice[] = [
      { device: { hostPath: '/dev/a', containerPath: '/dev/a', permissions: 'rw' }, source: '/dev/a', nodes: [node('/dev/a')] },
    ];
    const owners = (user: string, group: string, ownDevices = true): number[][] => {
      const security = { privileged: true, runAsUser: { value: user }, runAsGroup: { value: group } };
      const spec = built({ ownDevices }, { devices, hostDevices: [node('/dev/b')], config: containerConfig({}, security) });
      return (spec.linux.devices ?? []).map(({ uid, gid }) => [uid, gid]);
    };
    assert.deepEqual(owners('1000', '2000'), [[3, 4], [1000, 2000]]);
    assert.deepEqual(owners('0', '2000'), [[3, 4], [3, 2000]]);
    assert.deepEqual(owners('1000', '2000', false), [[3, 4], [3, 4]]);
  });

  it("are the hooks that are for it, by its program, mounts and annotations and the Pod's", () => {
    const hook = (name: string, when: object) =>
      parseHookFile(JSON.stringify({ version: '1.0.0', hook: { path: `/${name}` }, when, stages: ['poststart'] }), `${name}.json`);
    const hookFiles = [
      hook('program', { commands: ['app$'] }),
      hook('mounts', { hasBindMounts: true }),
      hook('pod', { annotations: { team: 'red' } }),
      hook('own', { annotations: { team: 'blue' } }),
    ];
    const mount = criMount('/a');
    const mounts = [{ mount, source: '/host' }];
    const sandbox = sandboxConfig({ annotations: { team: 'red', other: 'x' } });
    const paths = (config: ReturnType<typeof containerConfig>) =>
      built({}, { hookFiles, config, mounts, sandboxConfig: sandbox }).hooks?.poststart?.map(({ path }) => path);
    assert.deepEqual(paths(containerConfig()), ['/program', '/pod']);
    assert.deepEqual(paths(containerConfig({ mounts: [mount], annotations: { team: 'blue' }, command: ['/bin/sh'] })), ['/mounts', '/own']);
    assert.equal(paths(containerConfig({ annotations: { team: '' }, command: ['/bin/sh'] })), undefined);
  });
});
