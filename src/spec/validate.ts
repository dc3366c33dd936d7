import { isIP } from 'node:net';
import path from 'node:path';

import { CodedError, invalidField } from '../lib/errors.ts';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { Mount__Output } from '../types/cri/runtime/v1/Mount.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import { deviceAccess } from './devices.ts';
import { buildCapabilities } from './capabilities.ts';
import { resolvConfText } from './dns.ts';
import { checkIdMappings } from './id-mapped-mounts.ts';
import { checkMountOptions, isImageVolume } from './mounts.ts';
import { chooseSeccomp } from './seccomp.ts';
import { requireAbsolute, requireNoNul, requireShort } from './paths.ts';
import { shmBytes } from './shm.ts';
import { stopSignalNumber } from './signals.ts';
import { checkSelinuxOptions } from './selinux.ts';
import { checkSysctls } from './sysctls.ts';
import { resolveUser } from './user.ts';
import { checkContainerNamespaces, checkSandboxNamespaces } from './validate-namespaces.ts';
import { checkResources } from './validate-resources.ts';

const protocols: readonly string[] = ['TCP', 'UDP', 'SCTP'];
// The kernel's limit on a host name (__NEW_UTS_LEN).
const maxHostname = 64;

/**
 * Refuses a PodSandboxConfig that can't be made, before anything is (invalidArgument naming field and value).
 * Answers the config, known to be there.
 */
export function validateSandboxConfig(config: PodSandboxConfig__Output | null): PodSandboxConfig__Output {
  if (config === null) throw missing('config');
  if (config.metadata === null) throw missing('config.metadata');
  requireText('config.metadata.name', config.metadata.name);
  requireText('config.metadata.namespace', config.metadata.namespace);
  requireText('config.metadata.uid', config.metadata.uid);
  if (Buffer.byteLength(config.hostname) > maxHostname) {
    throw invalidField('config.hostname', config.hostname, `a host name has at most ${maxHostname} bytes`);
  }
  if (/[\0\s/]/u.test(config.hostname)) throw invalidField('config.hostname', config.hostname, 'not a host name');
  if (config.logDirectory !== '') requireAbsolute('config.log_directory', config.logDirectory);
  for (const [at, { protocol, containerPort, hostPort, hostIp }] of config.portMappings.entries()) {
    if (!protocols.includes(protocol)) {
      throw invalidField(`config.port_mappings[${at}].protocol`, protocol, `known are ${protocols.join(', ')}`);
    }
    requirePort(`config.port_mappings[${at}].container_port`, containerPort);
    requirePort(`config.port_mappings[${at}].host_port`, hostPort);
    // Without a port of the host nothing is mapped, and nothing else of the mapping counts.
    if (hostPort === 0) continue;
    if (containerPort === 0) {
      throw invalidField(`config.port_mappings[${at}].container_port`, 0, `host port ${hostPort} needs a port to be mapped to`);
    }
    if (hostIp !== '' && isIP(hostIp) === 0) {
      throw invalidField(`config.port_mappings[${at}].host_ip`, hostIp, 'not an address');
    }
  }
  if (config.dnsConfig !== null) resolvConfText(config.dnsConfig);
  checkCgroupParent(config.linux?.cgroupParent ?? '');
  checkSandboxSecurity(config);
  checkSysctls(config);
  shmBytes(config);
  return config;
}

/** As `validateSandboxConfig`, for a container to be made in a sandbox of the given config. */
export function validateContainerConfig(
  config: ContainerConfig__Output | null,
  sandboxConfig: PodSandboxConfig__Output,
): ContainerConfig__Output {
  if (config === null) throw missing('config');
  if (config.metadata === null) throw missing('config.metadata');
  requireText('config.metadata.name', config.metadata.name);
  if (config.image === null) throw missing('config.image');
  requireText('config.image.image', config.image.image);
  checkProcess(config);
  for (const [at, mount] of config.mounts.entries()) checkMount(mount, at);
  for (const [at, device] of config.devices.entries()) {
    requireAbsolute(`config.devices[${at}].host_path`, device.hostPath);
    if (device.containerPath !== '') requireAbsolute(`config.devices[${at}].container_path`, device.containerPath);
    deviceAccess(device, at);
  }
  checkLogPath(config.logPath, sandboxConfig.logDirectory);
  stopSignalNumber(config.stopSignal, '');
  const resources = config.linux?.resources ?? null;
  if (resources !== null) checkResources('config.linux.resources', resources);
  checkContainerSecurity(config, sandboxConfig);
  return config;
}

/** What becomes the process's arguments, environment and folder: in C all of it ends at a NUL. */
function checkProcess(config: ContainerConfig__Output): void {
  for (const [at, text] of config.command.entries()) requireNoNul(`config.command[${at}]`, text);
  for (const [at, text] of config.args.entries()) requireNoNul(`config.args[${at}]`, text);
  requireNoNul('config.working_dir', config.workingDir);
  for (const [at, { key, value }] of config.envs.entries()) {
    if (key === '' || /[=\0]/u.test(key)) throw invalidField(`config.envs[${at}].key`, key, 'a variable has a name, without "=" and NUL');
    // The value is not told: it may be a secret.
    if (value.includes(0)) throw new CodedError('invalidArgument', `config.envs[${at}].value is text with a NUL, at which it would end`);
  }
}

/** A file below the Pod's folder for logs. Only a name can be opened: `a/` and `a/.` are folders. */
function checkLogPath(logPath: string, directory: string): void {
  if (logPath === '') return;
  const field = 'config.log_path';
  const names = logPath.split('/');
  if (logPath.includes('\0') || names.includes('..') || ['', '.'].includes(names.at(-1) ?? '')) {
    throw invalidField(field, logPath, "it is the path of a file below the Pod's log_directory, without \"..\"");
  }
  requireShort(field, logPath, path.join(directory, logPath));
}

/** A cgroup's name; with the colon systemd's form of a path is told from cgroupfs's. */
function checkCgroupParent(parent: string): void {
  const field = 'config.linux.cgroup_parent';
  if (/[\0\n:]/u.test(parent)) throw invalidField(field, parent, 'a cgroup is named without NUL, line end and ":"');
  requireShort(field, parent);
}

function checkSandboxSecurity(config: PodSandboxConfig__Output): void {
  const context = config.linux?.securityContext ?? null;
  if (context === null) return;
  checkSandboxNamespaces(context.namespaceOptions);
  // The pause container's user; it is resolved in full when that is made, beside the answer to this request.
  resolveUser(context, '', {});
  chooseSeccomp(context);
  checkSelinuxOptions(context.selinuxOptions);
}

function checkContainerSecurity(config: ContainerConfig__Output, sandboxConfig: PodSandboxConfig__Output): void {
  const context = config.linux?.securityContext ?? null;
  const sandbox = sandboxConfig.linux?.securityContext ?? null;
  checkContainerNamespaces(context?.namespaceOptions ?? null, sandbox?.namespaceOptions ?? null);
  if (context === null) return;
  if (context.privileged && sandbox?.privileged !== true) {
    throw invalidField('config.linux.security_context.privileged', true, 'the pod sandbox is not privileged');
  }
  if (context.runAsUser !== null && context.runAsUsername !== '') {
    throw invalidField('config.linux.security_context.run_as_username', context.runAsUsername, `run_as_user is given too, ${context.runAsUser.value}: only one of them can be`);
  }
  if (context.runAsGroup !== null && context.runAsUser === null && context.runAsUsername === '') {
    throw invalidField('config.linux.security_context.run_as_group', context.runAsGroup.value, 'a group needs run_as_user or run_as_username');
  }
  for (const [at, file] of context.maskedPaths.entries()) requireAbsolute(`config.linux.security_context.masked_paths[${at}]`, file);
  for (const [at, file] of context.readonlyPaths.entries()) requireAbsolute(`config.linux.security_context.readonly_paths[${at}]`, file);
  buildCapabilities(context.capabilities, false, []);
  chooseSeccomp(context);
  checkSelinuxOptions(context.selinuxOptions);
}

function checkMount(mount: Mount__Output, at: number): void {
  requireAbsolute(`config.mounts[${at}].container_path`, mount.containerPath);
  if (!isImageVolume(mount)) requireAbsolute(`config.mounts[${at}].host_path`, mount.hostPath);
  else if (mount.hostPath !== '') {
    throw invalidField(`config.mounts[${at}].host_path`, mount.hostPath, 'an image volume has no host path');
  }
  checkMountOptions(mount, at);
  checkIdMappings(mount, at);
}

function requireText(field: string, value: string): void {
  if (value === '') throw invalidField(field, value, 'it must not be empty');
}

function requirePort(field: string, value: number): void {
  if (value < 0 || value > 65_535) throw invalidField(field, value, 'a port is from 0 to 65535');
}

function missing(field: string): CodedError {
  return new CodedError('invalidArgument', `${field} is missing`);
}
