import { readFile, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeFacts } from './facts.ts';

/** A process that belongs to a node. */
export interface NodeProcess {
  readonly pid: number;
  readonly command: string;
  readonly kind: 'daemon' | 'shim' | 'holder' | 'container';
}

/** What the daemons of a node and of a cluster are called, but for podwright. */
const programs = [
  'containerd',
  'docker-registry',
  'kubelet',
  'kube-proxy',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'ginkgo',
  'e2e_node.test',
];

/**
 * The processes of a node: daemons, shims and what holds FIFOs for podwright have its folder in their command
 * line, whatever runs in a container has a root that lies in it. Neither needs a living parent.
 */
export async function findProcesses(facts: NodeFacts): Promise<NodeProcess[]> {
  const ownNamespace = await readlink('/proc/self/ns/mnt');
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(pids.map((pid) => classify(pid, facts, ownNamespace)));
  return found.filter((each) => each !== undefined);
}

async function classify(pid: number, facts: NodeFacts, ownNamespace: string): Promise<NodeProcess | undefined> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    const belongs = command.includes(`${facts.root}/`);
    if (belongs && command.includes(' podwright-fifos ')) return { pid, command, kind: 'holder' };
    if (belongs && command.includes('containerd-shim')) return { pid, command, kind: 'shim' };
    if (belongs && isDaemon(path.basename(command.split(' ')[0] ?? ''), command)) return { pid, command, kind: 'daemon' };
    if ((await readlink(`/proc/${pid}/ns/mnt`)) === ownNamespace) return undefined;
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
    const rootMount = mounts.split('\n').find((line) => line.split(' ')[4] === '/');
    return rootMount?.includes(`${facts.root}/`) ? { pid, command, kind: 'container' } : undefined;
  } catch {
    // It ended while it was looked at.
    return undefined;
  }
}

/** Names what may be killed, so that somebody's pager on a node's log is left alone. */
function isDaemon(program: string, command: string): boolean {
  if (programs.includes(program)) return true;
  return program === 'node' && command.includes('main.js');
}

/** Kills every process of a node, and those that they start meanwhile, and waits until they are gone. */
export async function killProcesses(facts: NodeFacts): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const found = await findProcesses(facts);
    if (found.length === 0) return;
    for (const { pid } of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await sleep(20);
  }
}
