import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerConfig } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../../src/types/cri/runtime/v1/PodSandboxConfig.ts';
import { busyboxImage, foreignImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { run } from '../../support/node/run.ts';

const unknownId = '0123456789abcdef'.repeat(4);
const security = (namespaceOptions: object) => ({ linux: { securityContext: { namespaceOptions } } });
const options = 'config.linux.security_context.namespace_options';
const range = { hostId: 100_000, containerId: 0, length: 65_536 };
const userns = (usernsOptions: object) => security({ pid: 'CONTAINER', usernsOptions });
const mount = (fields: object): ContainerConfig => ({ mounts: [{ containerPath: '/vol', hostPath: '/tmp', ...fields }] });

/** What a Pod's config may have wrong, and the words of the refusal. */
const badPods: readonly [what: string, config: PodSandboxConfig, words: readonly (string | RegExp)[]][] = [
  ['no name', { metadata: { name: '', namespace: 'n', uid: 'u' } }, ['metadata.name']],
  ['no namespace', { metadata: { name: 'n', namespace: '', uid: 'u' } }, ['metadata.namespace']],
  ['no uid', { metadata: { name: 'n', namespace: 'n', uid: '' } }, ['metadata.uid']],
  ['no metadata', { metadata: null }, ['metadata']],
  ['a network mode of containers', security({ network: 'CONTAINER' }), [`${options}.network is "CONTAINER"`]],
  ['a PID target', security({ pid: 'TARGET' }), [`${options}.pid is "TARGET"`, 'POD, CONTAINER, NODE']],
  ['an unknown IPC mode', security({ ipc: 9 }), [`${options}.ipc is 9`]],
  ['a group without a user', { linux: { securityContext: { runAsGroup: { value: 5 } } } }, ['run_as_group', '5']],
  ['a sysctl that is none of a Pod', { linux: { sysctls: { 'kernel.panic': '1' } } }, ['kernel.panic']],
  ['a sysctl that leaves its folder', { linux: { sysctls: { 'net/../kernel/panic': '1' } } }, ['net/../kernel/panic']],
  ['a sysctl that the kernel does not know', { linux: { sysctls: { 'net.ipv4.no_such': '1' } } }, ['net.ipv4.no_such']],
  ['a sysctl value that the kernel refuses', { linux: { sysctls: { 'net.ipv4.ip_forward': 'x' } } }, ['net.ipv4.ip_forward', 'x']],
  [
    "a network sysctl on the host's network",
    { linux: { sysctls: { 'net.core.somaxconn': '9' }, securityContext: { namespaceOptions: { network: 'NODE' } } } },
    ['net.core.somaxconn'],
  ],
  ['two id ranges', userns({ mode: 'POD', uids: [range, range], gids: [range] }), ['userns_options.uids']],
  ['an id range without 0', userns({ mode: 'POD', uids: [{ ...range, containerId: 1 }], gids: [range] }), ['userns_options.uids']],
  ['different ranges for users and groups', userns({ mode: 'POD', uids: [range], gids: [{ ...range, length: 1 }] }), ['userns_options.gids']],
  ['ids past the last of the host', userns({ mode: 'POD', uids: [{ ...range, hostId: 4_294_967_290 }], gids: [{ ...range, hostId: 4_294_967_290 }] }), ['userns_options.uids', '4294967290']],
  ['a cgroup that cannot be named', { linux: { cgroupParent: '/a\nb' } }, ['config.linux.cgroup_parent']],
  ['a log directory whose name is too long', { logDirectory: `/${'x'.repeat(256)}` }, ['config.log_directory', '255']],
  ['a host name that is too long', { hostname: 'x'.repeat(65) }, ['hostname', 'x'.repeat(65)]],
  ['a relative log directory', { logDirectory: 'logs/here' }, ['log_directory', 'logs/here']],
  ['a port that is none', { portMappings: [{ containerPort: 80, hostPort: 70_000 }] }, ['host_port', '70000']],
  [
    'a seccomp profile that is not there',
    { linux: { securityContext: { seccomp: { profileType: 'Localhost', localhostRef: '/no/such.json' } } } },
    ['/no/such.json'],
  ],
];

/** What a container's config may have wrong, and the words of the refusal. */
const badContainers: readonly [what: string, config: ContainerConfig, words: readonly (string | RegExp)[]][] = [
  ['no metadata', { metadata: null }, ['metadata']],
  ['no name', { metadata: { name: '' } }, ['metadata.name']],
  ['no image', { image: null }, ['image']],
  ['an empty image', { image: { image: '' } }, ['image.image']],
  ['a relative mount path', mount({ containerPath: 'vol' }), ['container_path', 'vol']],
  ['a relative host path', mount({ hostPath: './vol' }), ['host_path', './vol']],
  ['a host path below a file', mount({ hostPath: '/etc/passwd/x' }), ['host_path', '/etc/passwd/x']],
  ['recursively read-only but writable', mount({ recursiveReadOnly: true }), ['recursive_read_only', '/vol']],
  [
    'recursively read-only and propagated',
    mount({ recursiveReadOnly: true, readonly: true, propagation: 'PROPAGATION_HOST_TO_CONTAINER' }),
    ['recursive_read_only', 'PROPAGATION_HOST_TO_CONTAINER'],
  ],
  ['a mapping of users without one of groups', mount({ uidMappings: [range] }), ['config.mounts[0].gidMappings']],
  ['a mapping of no ids', mount({ uidMappings: [range], gidMappings: [{ ...range, length: 0 }] }), ['config.mounts[0].gidMappings', '"length":0']],
  ['an unknown mount option', mount({ mountOptions: ['exec'] }), ['mount_options', 'exec']],
  ['privileged in a Pod that is not', { linux: { securityContext: { privileged: true } } }, ['privileged']],
  ['a group without a user', { linux: { securityContext: { runAsGroup: { value: 5 } } } }, ['run_as_group', '5']],
  ['an unknown capability', { linux: { securityContext: { capabilities: { addCapabilities: ['FLY'] } } } }, ['FLY']],
  ['no target', security({ pid: 'TARGET' }), ['target_id']],
  ["a user namespace that is not the Pod's", userns({ mode: 'POD', uids: [range], gids: [range] }), ['userns_options']],
  ['an environment variable without a name', { envs: [{ key: '', value: Buffer.from('x') }] }, ['envs[0].key']],
  [
    'a device that is none beside a volume that is there',
    {
      mounts: [{ containerPath: '/vol', image: { image: busyboxImage }, readonly: true }],
      devices: [{ hostPath: '/etc/passwd', containerPath: '/dev/x' }],
    },
    ['config.devices[0].host_path', '/etc/passwd'],
  ],
  [
    'an AppArmor profile that is not loaded',
    { linux: { securityContext: { apparmor: { profileType: 'Localhost', localhostRef: 'podwright-no-such' } } } },
    ['config.linux.security_context.apparmor.localhost_ref is "podwright-no-such"'],
  ],
  [
    'one in the deprecated form',
    { linux: { securityContext: { apparmorProfile: 'localhost/podwright-no-such' } } },
    ['config.linux.security_context.apparmor_profile is "podwright-no-such"'],
  ],
  ['a user that the image does not know', { linux: { securityContext: { runAsUsername: 'nobody-here' } } }, ['run_as_username is "nobody-here"', '/etc/passwd']],
  ['negative CPU shares', { linux: { resources: { cpuShares: '-5' } } }, ['config.linux.resources.cpu_shares', '-5']],
  ['a device that is none', { devices: [{ hostPath: '/etc/passwd', containerPath: '/dev/x' }] }, ['host_path', '/etc/passwd']],
  ['a user by number and by name', { linux: { securityContext: { runAsUser: { value: 33 }, runAsUsername: 'www-data' } } }, ['run_as_username is "www-data"', 'run_as_user']],
  ['a command that would be cut off', { command: ['sh', '-c', 'echo a\0b'] }, ['config.command[2]', 'NUL']],
  ['a variable that would be cut off', { envs: [{ key: 'A', value: Buffer.from('a\0b') }] }, ['config.envs[0].value', 'NUL']],
  ['a log whose name is too long', { logPath: `${'x'.repeat(256)}` }, ['config.log_path', '255']],
  ['a log outside of its folder', { logPath: '../../up.log' }, ['config.log_path', '../../up.log']],
  ['a log that is the folder of logs', { logPath: '.' }, ['config.log_path']],
  ['a masked path that is relative', { linux: { securityContext: { maskedPaths: ['proc/keys'] } } }, ['masked_paths[0]', 'proc/keys']],
  ['a stop signal that is none', { stopSignal: 999 as never }, ['999']],
  [
    'a seccomp profile that is not there',
    { linux: { securityContext: { seccomp: { profileType: 'Localhost', localhostRef: '/no/such.json' } } } },
    ['/no/such.json'],
  ],
];

describe('bad input', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  describe('to RunPodSandbox', () => {
    it('is a missing config', async () => {
      await cri().refuse('RunPodSandbox', {}, 'INVALID_ARGUMENT', 'config');
    });

    it('is a runtime handler that nobody configured', async () => {
      const request = { config: cri().podConfig(), runtimeHandler: 'kata' };
      await cri().refuse('RunPodSandbox', request, 'INVALID_ARGUMENT', 'kata', 'runc');
    });

    for (const [what, given, words] of badPods) {
      it(`is ${what}`, async () => {
        const config = { ...cri().podConfig(given), ...('metadata' in given && { metadata: given.metadata ?? null }) };
        await cri().refuse('RunPodSandbox', { config }, 'INVALID_ARGUMENT', ...words);
      });
    }

    it('leaves nothing', async () => {
      assert.deepEqual(await cri().podIds(), []);
      await cri().assertNothingLeft();
    });
  });

  describe('to CreateContainer', () => {
    let pod: Pod;
    let before: string[];

    beforeEach(async () => {
      pod = await cri().runPod();
      await pod.isComplete();
      before = await cri().inventory();
    });

    for (const [what, given, words] of badContainers) {
      it(`is ${what}`, async () => {
        const config = { ...pod.containerConfig(given), ...('metadata' in given && { metadata: given.metadata ?? null }) };
        await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', ...words);
        assert.deepEqual(await cri().containerIds(), []);
        const { root, state } = cri().podwright;
        const folders = await Promise.all([root, state].map((top) => readdir(path.join(top, 'containers')).catch(() => [])));
        assert.deepEqual(folders.flat(), []);
        await cri().assertNothingLeft(before);
      });
    }

    it('is anything beside a folder of the host that is missing, which is not made then', async () => {
      const hostPath = path.join(await cri().folder('host'), 'missing');
      const config = pod.containerConfig({
        mounts: [{ containerPath: '/vol', hostPath: path.join(hostPath, 'deep') }],
        linux: { securityContext: { runAsUsername: 'nobody-here' } },
      });
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'nobody-here');
      assert.ok(!existsSync(hostPath));
    });

    it('is a seccomp profile that nobody will ever write', async () => {
      const localhostRef = path.join(await cri().folder('seccomp'), 'fifo');
      await run('mkfifo', [localhostRef]);
      const config = pod.containerConfig({ linux: { securityContext: { seccomp: { profileType: 'Localhost', localhostRef } } } });
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'seccomp.localhost_ref', localhostRef, 'no regular file');
      await cri().assertNothingLeft(before);
    });

    it('is an unknown sandbox, or an image that was not pulled', async () => {
      const config = pod.containerConfig();
      await cri().refuse('CreateContainer', { podSandboxId: unknownId, config }, 'NOT_FOUND', unknownId);
      const missing = pod.containerConfig({ image: { image: 'docker.io/library/not-here:1' } });
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config: missing }, 'NOT_FOUND', 'not-here:1', 'pull');
      await cri().assertNothingLeft(before);
    });
  });

  it('is an unknown id where something is to be told or done', async () => {
    const [podSandboxId, containerId] = [unknownId, unknownId];
    await cri().refuse('PodSandboxStatus', { podSandboxId }, 'NOT_FOUND', unknownId);
    await cri().refuse('ContainerStatus', { containerId }, 'NOT_FOUND', unknownId);
    await cri().refuse('ContainerStatus', { containerId: '' }, 'NOT_FOUND');
    await cri().refuse('StartContainer', { containerId }, 'NOT_FOUND', unknownId);
    await cri().refuse('PodSandboxStats', { podSandboxId }, 'NOT_FOUND', unknownId);
    await cri().refuse('ContainerStats', { containerId }, 'NOT_FOUND', unknownId);
    await cri().refuse('UpdateContainerResources', { containerId, linux: {} }, 'NOT_FOUND', unknownId);
    await cri().refuse('ReopenContainerLog', { containerId }, 'NOT_FOUND', unknownId);
    await cri().refuse('ExecSync', { containerId, cmd: ['true'] }, 'NOT_FOUND', unknownId);
  });

  it('is an update of nothing, or of what no kernel could give', async () => {
    const { id: containerId } = await (await cri().runPod()).run();
    await cri().refuse('UpdateContainerResources', { containerId }, 'INVALID_ARGUMENT', 'linux', containerId);
    await cri().refuse('UpdateContainerResources', { containerId, linux: { cpuPeriod: -1 } }, 'INVALID_ARGUMENT', 'linux.cpu_period is "-1"', 'at least 0');
  });

  it('is not an unknown id where something is to be gone', async () => {
    await cri().call('StopPodSandbox', { podSandboxId: unknownId });
    await cri().call('RemovePodSandbox', { podSandboxId: unknownId });
    await cri().call('StopContainer', { containerId: unknownId, timeout: 1 });
    await cri().call('RemoveContainer', { containerId: unknownId });
    await cri().call('RemoveImage', { image: { image: 'docker.io/library/never-was:1' } });
  });

  it('is the beginning of two ids, both of which are named', async () => {
    const pod = await cri().runPod();
    const ids: string[] = [];
    // Of seventeen ids two begin alike.
    while (new Set(ids.map((id) => id[0])).size === ids.length) ids.push((await pod.create()).id);
    const last = ids.at(-1) ?? '';
    const twin = ids.find((id) => id[0] === last[0]) ?? '';
    await cri().refuse('ContainerStatus', { containerId: last.slice(0, 1) }, 'INVALID_ARGUMENT', last, twin);
    await cri().refuse('StopContainer', { containerId: last.slice(0, 1) }, 'INVALID_ARGUMENT', last, twin);
  });

  describe('to PullImage', () => {
    const pull = (image: string, auth?: object) => ({ image: { image }, ...(auth && { auth }) });

    it('is an image that is not there', async () => {
      await cri().refuse('PullImage', pull('docker.io/podwright/no-such:1'), 'NOT_FOUND', 'docker.io/podwright/no-such:1');
      assert.equal((await cri().call('ImageStatus', pull('docker.io/podwright/no-such:1'))).image, null);
    });

    it('is an image for another platform', async () => {
      await cri().refuse('PullImage', pull(foreignImage), 'NOT_FOUND', foreignImage, /platform|linux/);
      const { images } = await cri().call('ListImages', {});
      assert.ok(!images.some(({ repoTags }) => repoTags.includes(foreignImage)));
    });

    it('is a registry that is down', async () => {
      await cri().refuse('PullImage', pull('127.0.0.1:9/a/b:1'), 'UNKNOWN', /^RegistryUnavailable: /, '127.0.0.1:9');
    });

    it('is a reference that is none', async () => {
      await cri().refuse('PullImage', pull('upper/CASE:1'), 'INVALID_ARGUMENT', 'upper/CASE:1');
      await cri().refuse('PullImage', pull(''), 'INVALID_ARGUMENT');
      await cri().refuse('PullImage', {}, 'INVALID_ARGUMENT');
    });

    it('is a wrong password, which nobody is told', async () => {
      const registry = await cri().node.startRegistry({ credentials: { username: 'robot', password: 'right-secret' } });
      try {
        const image = `${registry.host}/${busyboxImage.slice(busyboxImage.indexOf('/') + 1)}`;
        const auth = { username: 'robot', password: 'wrong-secret' };
        for (const given of [undefined, auth]) {
          const { code, details } = await cri().try('PullImage', pull(image, given));
          assert.ok([7, 16].includes(code), details);
          assert.ok(details.includes(registry.host) && !details.includes('secret'), details);
        }
        await cri().call('PullImage', pull(image, { ...auth, password: 'right-secret' }));
        assert.ok(!(await readFile(cri().podwright.logPath, 'utf8')).includes('-secret'));
        await cri().call('RemoveImage', pull(image));
        await cri().call('PullImage', pull(busyboxImage));
      } finally {
        await registry.stop();
      }
    });

    it('is a deadline that cannot be kept', async () => {
      const answer = await cri().client.call('PullImage', pull('docker.io/podwright/web:1'), { deadline: Date.now() + 1 });
      assert.equal(answer.code, 4);
    });
  });

  it('is an RPC that is not built yet, which says so', async () => {
    await cri().refuse('CheckpointPod', {}, 'UNIMPLEMENTED', 'CheckpointPod');
  });
});
