import assert from 'node:assert/strict';

import { validateContainerConfig, validateSandboxConfig } from '../../../src/spec/validate.ts';
import type { ContainerConfig__Output } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { LinuxContainerSecurityContext__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import type { LinuxSandboxSecurityContext__Output } from '../../../src/types/cri/runtime/v1/LinuxSandboxSecurityContext.ts';
import type { NamespaceOption__Output } from '../../../src/types/cri/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig__Output } from '../../../src/types/cri/runtime/v1/PodSandboxConfig.ts';
import type { UserNamespace__Output } from '../../../src/types/cri/runtime/v1/UserNamespace.ts';
import { containerConfig, criMount, idRange, invalid, namespaceOption, sandboxConfig, unknownEnum } from './fixtures.ts';

const metadata = { name: 'web', uid: 'u', namespace: 'shop', attempt: 0 };
const inNamespaces = (over: Partial<NamespaceOption__Output>) => ({ namespaceOptions: namespaceOption(over) });
const usernsOf = (over: Partial<UserNamespace__Output>) =>
  inNamespaces({ usernsOptions: { mode: 'POD', uids: idRange, gids: idRange, ...over } });

/** As `invalid`, where the message begins with the field's whole path. */
const invalidAtStart = (path: string, ...pieces: string[]) => (error: Error): boolean =>
  error.message.startsWith(path) && invalid(...pieces)(error);

describe('a pod sandbox config', () => {
  it('is answered as it came when it is right', () => {
    const config = sandboxConfig();
    assert.equal(validateSandboxConfig(config), config);
  });

  it('needs no linux section and no host name', () => {
    assert.doesNotThrow(() => validateSandboxConfig(sandboxConfig({ linux: null, hostname: '', logDirectory: '' })));
  });

  const refused: { name: string; over?: Partial<PodSandboxConfig__Output>; security?: Partial<LinuxSandboxSecurityContext__Output>; says: [path: string, ...pieces: string[]] }[] = [
    { name: 'without metadata', over: { metadata: null }, says: ['config.metadata', 'missing'] },
    { name: 'with an empty name', over: { metadata: { ...metadata, name: '' } }, says: ['config.metadata.name', '""'] },
    { name: 'with an empty namespace', over: { metadata: { ...metadata, namespace: '' } }, says: ['config.metadata.namespace'] },
    { name: 'with an empty uid', over: { metadata: { ...metadata, uid: '' } }, says: ['config.metadata.uid'] },
    { name: 'with a host name of 65 bytes', over: { hostname: 'x'.repeat(65) }, says: ['config.hostname', '64'] },
    { name: 'with a host name of two lines', over: { hostname: 'a\nb' }, says: ['config.hostname'] },
    { name: 'with a relative log directory', over: { logDirectory: 'logs' }, says: ['config.log_directory', '"logs"'] },
    { name: 'with a port past 65535', over: { portMappings: [{ protocol: 'TCP', containerPort: 65_536, hostPort: 0, hostIp: '' }] }, says: ['config.port_mappings[0].container_port', '65536'] },
    { name: 'with a port that is mapped to none', over: { portMappings: [{ protocol: 'TCP', containerPort: 0, hostPort: 80, hostIp: '' }] }, says: ['config.port_mappings[0].container_port', '0', '80'] },
    { name: 'with a port on no address', over: { portMappings: [{ protocol: 'TCP', containerPort: 80, hostPort: 80, hostIp: 'x' }] }, says: ['config.port_mappings[0].host_ip', '"x"'] },
    { name: 'with a port of an unknown protocol', over: { portMappings: [{ protocol: unknownEnum(7), containerPort: 80, hostPort: 80, hostIp: '' }] }, says: ['config.port_mappings[0].protocol', '7', 'SCTP'] },
    { name: 'with a broken nameserver', over: { dnsConfig: { servers: ['a b'], searches: [], options: [] } }, says: ['config.dns_config.servers', '"a b"'] },
    { name: 'with a group but no user', security: { runAsGroup: { value: '5' } }, says: ['config.linux.security_context.run_as_group', '"5"'] },
    { name: 'with an unknown network mode', security: inNamespaces({ network: unknownEnum(9) }), says: ['config.linux.security_context.namespace_options.network', '9'] },
    { name: 'with network CONTAINER', security: inNamespaces({ network: 'CONTAINER' }), says: ['config.linux.security_context.namespace_options.network', 'CONTAINER'] },
    { name: 'with ipc CONTAINER', security: inNamespaces({ ipc: 'CONTAINER' }), says: ['config.linux.security_context.namespace_options.ipc', 'CONTAINER'] },
    { name: 'with pid TARGET', security: inNamespaces({ pid: 'TARGET' }), says: ['config.linux.security_context.namespace_options.pid', 'TARGET'] },
    { name: 'with userns CONTAINER', security: usernsOf({ mode: 'CONTAINER' }), says: ['config.linux.security_context.namespace_options.userns_options.mode', 'CONTAINER'] },
    { name: 'with userns TARGET', security: usernsOf({ mode: 'TARGET' }), says: ['config.linux.security_context.namespace_options.userns_options.mode', 'TARGET'] },
    { name: 'with two id mappings', security: usernsOf({ uids: [...idRange, ...idRange] }), says: ['config.linux.security_context.namespace_options.userns_options.uids', 'one mapping'] },
    { name: 'without an id mapping', security: usernsOf({ gids: [] }), says: ['config.linux.security_context.namespace_options.userns_options.gids', 'one mapping'] },
    { name: 'with container id 0 not mapped', security: usernsOf({ uids: [{ hostId: 1, containerId: 1, length: 5 }] }), says: ['config.linux.security_context.namespace_options.userns_options.uids', 'container id 0'] },
    { name: 'with uids unlike gids', security: usernsOf({ gids: [{ hostId: 1, containerId: 0, length: 5 }] }), says: ['config.linux.security_context.namespace_options.userns_options.gids', 'differs'] },
    { name: 'with ids past the last one of the host', security: usernsOf({ uids: [{ hostId: 4_294_967_290, containerId: 0, length: 65_536 }] }), says: ['config.linux.security_context.namespace_options.userns_options.uids', '4294967290', '4294967294'] },
    { name: 'with no ids', security: usernsOf({ uids: [{ hostId: 1, containerId: 0, length: 0 }] }), says: ['config.linux.security_context.namespace_options.userns_options.uids', 'length is 0'] },
    { name: 'with a log directory whose name is too long', over: { logDirectory: `/logs/${'x'.repeat(256)}` }, says: ['config.log_directory', '255'] },
    { name: 'with a log directory that is too long', over: { logDirectory: '/x'.repeat(2048) }, says: ['config.log_directory', '4095'] },
    { name: 'with a cgroup that cannot be named', over: { linux: { cgroupParent: '/a\nb', securityContext: null, sysctls: {}, overhead: null, resources: null } }, says: ['config.linux.cgroup_parent', '"/a\\nb"'] },
    { name: 'with an unknown seccomp profile', security: { seccompProfilePath: 'x' }, says: ['config.linux.security_context.seccomp_profile_path', '"x"'] },
    { name: 'with a bad sysctl', over: { linux: { cgroupParent: '', securityContext: null, sysctls: { 'kernel.panic': '1' }, overhead: null, resources: null } }, says: ['config.linux.sysctls', 'kernel.panic'] },
  ];
  for (const { name, over, security, says } of refused) {
    it(`is refused ${name}`, () => {
      assert.throws(() => validateSandboxConfig(sandboxConfig(over, security)), invalidAtStart(...says));
    });
  }

  it('is refused when it is missing', () => {
    assert.throws(() => validateSandboxConfig(null), invalid('config is missing'));
  });

  it('may have a user namespace of one range', () => {
    assert.doesNotThrow(() => validateSandboxConfig(sandboxConfig({}, usernsOf({}))));
    assert.doesNotThrow(() => validateSandboxConfig(sandboxConfig({}, usernsOf({ mode: 'NODE', uids: [], gids: [] }))));
  });
});

describe('a container config', () => {
  const sandbox = sandboxConfig();

  it('is answered as it came when it is right', () => {
    const config = containerConfig({ mounts: [criMount('/data')] }, { runAsUser: { value: '1' }, runAsGroup: { value: '2' } });
    assert.equal(validateContainerConfig(config, sandbox), config);
    assert.doesNotThrow(() => validateContainerConfig(containerConfig({ linux: null }), sandbox));
  });

  const refused: { name: string; over?: Partial<ContainerConfig__Output>; security?: Partial<LinuxContainerSecurityContext__Output>; says: [path: string, ...pieces: string[]] }[] = [
    { name: 'without metadata', over: { metadata: null }, says: ['config.metadata', 'missing'] },
    { name: 'with an empty name', over: { metadata: { name: '', attempt: 0 } }, says: ['config.metadata.name'] },
    { name: 'without an image', over: { image: null }, says: ['config.image'] },
    { name: 'with a variable without a name', over: { envs: [{ key: '', value: Buffer.from('x') }] }, says: ['config.envs[0].key'] },
    { name: 'with a NUL in its command', over: { command: ['sh', 'a\0b'] }, says: ['config.command[1]', 'NUL'] },
    { name: 'with a NUL in its arguments', over: { args: ['\0'] }, says: ['config.args[0]', 'NUL'] },
    { name: 'with a NUL in a variable', over: { envs: [{ key: 'A', value: Buffer.from('x\0') }] }, says: ['config.envs[0].value', 'NUL'] },
    { name: 'with a NUL in its working directory', over: { workingDir: '/a\0' }, says: ['config.working_dir', 'NUL'] },
    { name: 'with a relative mount path', over: { mounts: [criMount('data')] }, says: ['config.mounts[0].container_path', '"data"'] },
    { name: 'with a relative host path', over: { mounts: [criMount('/data', { hostPath: 'here' })] }, says: ['config.mounts[0].host_path', '"here"'] },
    { name: 'with an empty host path', over: { mounts: [criMount('/data', { hostPath: '' })] }, says: ['config.mounts[0].host_path', '""'] },
    { name: 'with a mount of users without groups', over: { mounts: [criMount('/data', { uidMappings: idRange })] }, says: ['config.mounts[0].gidMappings', '[]', 'both'] },
    { name: 'with a mount path that is too long', over: { mounts: [criMount(`/${'x'.repeat(256)}`)] }, says: ['config.mounts[0].container_path', '255'] },
    { name: 'with an unknown mount option', over: { mounts: [criMount('/data', { mountOptions: ['suid'] })] }, says: ['config.mounts[0].mount_options', '"suid"'] },
    { name: 'with a recursive read-only mount that may be written', over: { mounts: [criMount('/data', { recursiveReadOnly: true })] }, says: ['config.mounts[0].recursive_read_only', '/data'] },
    { name: 'with a relative device', over: { devices: [{ hostPath: 'fuse', containerPath: '', permissions: '' }] }, says: ['config.devices[0].host_path', '"fuse"'] },
    { name: 'with a device for more than r, w and m', over: { devices: [{ hostPath: '/dev/fuse', containerPath: '', permissions: 'rx' }] }, says: ['config.devices[0].permissions', '"rx"'] },
    { name: 'with the second of two mounts relative', over: { mounts: [criMount('/a'), criMount('b')] }, says: ['config.mounts[1].container_path', '"b"'] },
    { name: 'with a log outside of the log directory', over: { logPath: '../../up.log' }, says: ['config.log_path', '"../../up.log"'] },
    { name: 'with a folder for a log', over: { logPath: 'a/' }, says: ['config.log_path', '"a/"', 'file'] },
    { name: 'with the log directory for a log', over: { logPath: '.' }, says: ['config.log_path', '"."'] },
    { name: 'with a log whose name is too long', over: { logPath: `${'x'.repeat(252)}.log` }, says: ['config.log_path', '255'] },
    { name: 'with a NUL in the path of its log', over: { logPath: 'a\0.log' }, says: ['config.log_path'] },
    { name: 'with an unknown stop signal', over: { stopSignal: unknownEnum(99) }, says: ['config.stop_signal', '99'] },
    { name: 'that is privileged in an unprivileged sandbox', security: { privileged: true }, says: ['config.linux.security_context.privileged', 'true', 'sandbox'] },
    { name: 'with a group but no user', security: { runAsGroup: { value: '5' } }, says: ['config.linux.security_context.run_as_group', '"5"'] },
    { name: 'with a user by number and by name', security: { runAsUser: { value: '1000' }, runAsUsername: 'web' }, says: ['config.linux.security_context.run_as_username', '"web"', '1000', 'only one'] },
    { name: 'with a relative path to mask', security: { maskedPaths: ['/proc/keys', 'proc/acpi'] }, says: ['config.linux.security_context.masked_paths[1]', '"proc/acpi"', 'absolute'] },
    { name: 'with a relative path to protect', security: { readonlyPaths: ['sys'] }, says: ['config.linux.security_context.readonly_paths[0]', '"sys"', 'absolute'] },
    { name: 'with an unknown namespace mode', security: inNamespaces({ pid: unknownEnum(9) }), says: ['config.linux.security_context.namespace_options.pid', '9'] },
    { name: 'with pid TARGET and no target', security: inNamespaces({ pid: 'TARGET' }), says: ['config.linux.security_context.namespace_options.target_id'] },
    { name: 'with a user namespace the sandbox lacks', security: usernsOf({}), says: ['config.linux.security_context.namespace_options.userns_options', "the sandbox's"] },
    { name: 'with a seccomp profile at a relative path', security: { seccomp: { profileType: 'Localhost', localhostRef: 'p.json' } }, says: ['config.linux.security_context.seccomp.localhost_ref', '"p.json"', 'absolute'] },
    { name: 'with an unknown capability', security: { capabilities: { addCapabilities: ['FLY'], dropCapabilities: [], addAmbientCapabilities: [] } }, says: ['config.linux.security_context.capabilities.add_capabilities', '"FLY"'] },
  ];
  for (const { name, over, security, says } of refused) {
    it(`is refused ${name}`, () => {
      assert.throws(() => validateContainerConfig(containerConfig(over, security), sandbox), invalidAtStart(...says));
    });
  }

  it('is refused when it is missing', () => {
    assert.throws(() => validateContainerConfig(null, sandbox), invalid('config is missing'));
  });

  it('has no variable told in a refusal, which may be a secret', () => {
    const envs = [{ key: 'A', value: Buffer.from('hush\0') }];
    assert.throws(() => validateContainerConfig(containerConfig({ envs }), sandbox), (error: Error) => !error.message.includes('hush'));
  });

  it('may have its log in a folder, and names as long as the kernel takes', () => {
    const name = 'x'.repeat(255);
    for (const logPath of ['', 'web/0.log', '/web/0.log', './web/0.log', `${name}/${name}`]) {
      assert.doesNotThrow(() => validateContainerConfig(containerConfig({ logPath }), sandbox), logPath);
    }
  });

  it('may be privileged in a privileged sandbox', () => {
    const config = containerConfig({}, { privileged: true });
    assert.doesNotThrow(() => validateContainerConfig(config, sandboxConfig({}, { privileged: true })));
  });

  it('may mount an image without a host path', () => {
    const image = { image: 'sha256:1', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    assert.doesNotThrow(() => validateContainerConfig(containerConfig({ mounts: [criMount('/data', { hostPath: '', image })] }), sandbox));
  });

  it('takes an image without a name in a mount for none', () => {
    const image = { image: '', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    assert.doesNotThrow(() => validateContainerConfig(containerConfig({ mounts: [criMount('/data', { image })] }), sandbox));
    const mounts = [criMount('/data', { image, hostPath: '' })];
    assert.throws(() => validateContainerConfig(containerConfig({ mounts }), sandbox), invalid('host_path'));
  });

  it('may have the sandbox’s own user namespace', () => {
    assert.doesNotThrow(() => validateContainerConfig(containerConfig({}, usernsOf({})), sandboxConfig({}, usernsOf({}))));
  });
});
