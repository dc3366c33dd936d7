import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { hostsText, resolvConfText } from '../spec/dns.ts';
import { shmBytes } from '../spec/shm.ts';
import type { Parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';

type FileParts = Pick<Parts, 'folders' | 'kernel'>;

/** Files that containers see where no CRI mount of theirs covers the path. */
export interface SandboxFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  /** The directory mounted as /dev/shm: the host's own for a Pod in the host's IPC namespace. */
  readonly shm: string;
}

/** Where the sandbox's files are. */
export function sandboxFiles(sandbox: Sandbox, folders: Parts['folders']): SandboxFiles {
  const root = folders.sandboxRoot(sandbox.id);
  return {
    hosts: path.join(root, 'hosts'),
    hostname: path.join(root, 'hostname'),
    resolvConf: path.join(root, 'resolv.conf'),
    shm: sandbox.hostIpc ? '/dev/shm' : folders.shm(sandbox.id),
  };
}

/** The host name of the Pod: its own, or the host's where it has none or shares the host's network. */
export function hostnameOf(sandbox: Sandbox, kernel: Parts['kernel']): string {
  return sandbox.hostNetwork || sandbox.config.hostname === '' ? kernel.hostname() : sandbox.config.hostname;
}

/** Writes hosts, hostname and resolv.conf and mounts /dev/shm. */
export async function makeSandboxFiles(parts: FileParts, sandbox: Sandbox): Promise<void> {
  const files = sandboxFiles(sandbox, parts.folders);
  await makeFolder(parts.folders.sandboxRoot(sandbox.id), 0o700);
  const hostname = hostnameOf(sandbox, parts.kernel);
  const dns = sandbox.config.dnsConfig;
  const asks = dns !== null && (dns.servers.length > 0 || dns.searches.length > 0 || dns.options.length > 0);
  await Promise.all([
    writeFile(files.hostname, `${hostname}\n`, { mode: 0o644 }),
    sandbox.hostNetwork ? copyHostFile('/etc/hosts', files.hosts) : writeFile(files.hosts, hostsText(), { mode: 0o644 }),
    asks ? writeFile(files.resolvConf, resolvConfText(dns), { mode: 0o644 }) : copyHostFile('/etc/resolv.conf', files.resolvConf),
    sandbox.hostIpc ? undefined : makeShm(parts, files.shm, shmBytes(sandbox.config)),
  ]);
}

/** Takes away what `makeSandboxFiles` mounted; the files go with the sandbox's folder. */
export async function unmountSandboxFiles(parts: FileParts, sandboxId: string): Promise<void> {
  await parts.kernel.unmountBelow(parts.folders.shm(sandboxId));
}

async function makeShm(parts: FileParts, shm: string, bytes: number): Promise<void> {
  await mkdir(shm, { recursive: true, mode: 0o711 });
  await parts.kernel.mountShm(shm, bytes);
}

async function copyHostFile(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await writeFile(to, '', { mode: 0o644 });
  }
}

/** Removes a sandbox's state folder once nothing is mounted in it any more. */
export async function removeSandboxState(parts: FileParts, sandboxId: string): Promise<void> {
  const folder = parts.folders.sandboxState(sandboxId);
  await parts.kernel.unpinNamespaces(parts.folders.namespaces(sandboxId));
  await parts.kernel.unmountBelow(folder);
  await rm(folder, { recursive: true, force: true });
}
