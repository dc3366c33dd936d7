import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../test/support/node/run.ts';
import type { TempNode } from '../../test/support/temp-node.ts';

/** The folders that are written in the suite or in the kubelet. */
const fixedFolders = ['/var/lib/kubelet', '/var/log'];

/** Where shims have their sockets, and cAdvisor, in the kubelet, looks for containerd's. */
const runFolder = '/run/containerd';

/** Makes fresh network and mount namespaces into something a node can live in. */
export async function enterMachine(): Promise<void> {
  // As on any machine: what the kubelet mounts, containers with mount propagation get to see.
  await run('mount', ['--make-rshared', '/']);
  await run('ip', ['link', 'set', 'lo', 'up']);
  await remountCgroups();
  await mkdir(runFolder, { recursive: true });
  await run('mount', ['--types', 'tmpfs', 'tmpfs', runFolder]);
  // Where nobody listens, a look-up fails at once instead of after half a minute.
  await replaceFile('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  // Where it finds the program, the suite has systemd start the kubelet, whether systemd runs or not.
  if (existsSync('/usr/bin/systemd-run')) await run('mount', ['--bind', '/dev/null', '/usr/bin/systemd-run']);
}

/** What was mounted before shows the machine's groups, and not those of the namespace. */
async function remountCgroups(): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , options = ''] = after.split(' ');
    return /^cgroup2?$/.test(type) ? [{ type, point: before.split(' ')[4] ?? '', options }] : [];
  });
  for (const { point } of mounts.toReversed()) await run('umount', ['--lazy', point]);
  for (const { type, point, options } of mounts) {
    await run('mount', ['--types', type, ...(type === 'cgroup' ? ['--options', options] : []), type, point]);
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'node-e2e-'));
  const own = path.join(folder, path.basename(file));
  await writeFile(own, text);
  await run('mount', ['--bind', own, file]);
  // The mount holds the file.
  await rm(folder, { recursive: true });
}

/** Puts folders of the node's own over those whose places are fixed. */
export async function giveFolders(node: TempNode): Promise<void> {
  for (const fixed of fixedFolders) {
    const own = path.join(node.root, 'fixed', fixed);
    await mkdir(own, { recursive: true });
    await mkdir(fixed, { recursive: true });
    await run('mount', ['--bind', own, fixed]);
    await run('mount', ['--make-rshared', fixed]);
  }
  await symlink(node.containerd.socket, path.join(runFolder, 'containerd.sock'));
}

/** An API server takes the address that it tells others from where the default route leads. */
export async function makeDefaultRoute(node: TempNode): Promise<void> {
  await run('ip', ['route', 'add', 'default', 'dev', node.facts.bridge]);
}

