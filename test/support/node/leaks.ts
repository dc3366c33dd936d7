import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { findCgroups } from './cgroups.ts';
import type { NodeFacts } from './facts.ts';
import { findRules } from './iptables.ts';
import { findMounts } from './mounts.ts';
import { findLinks, findReservations } from './network.ts';
import { findProcesses } from './processes.ts';
import { run } from './run.ts';

/**
 * What Pods left behind on a running node, one line each: empty when every Pod was removed as it should be.
 * Images are not counted: they are meant to stay.
 */
export async function findLeaks(facts: NodeFacts, ctrPath: string): Promise<string[]> {
  const processes = (await findProcesses(facts)).filter((each) => each.kind !== 'daemon');
  const list = async (what: string, names: readonly string[]): Promise<string[]> => names.map((name) => `${what} ${name}`);
  const found = await Promise.all([
    list('process', processes.map(({ pid, kind, command }) => `${pid} (${kind}): ${command}`)),
    list('mount', (await findMounts(facts)).filter((point) => !isOfTheNode(facts, point))),
    list('link', await findLinks(facts)),
    list('rule', await findRules(facts)),
    list('cgroup', await findCgroups(facts)),
    list('IP reservation', await findReservations(facts)),
    list('runc state', await readdir(path.join('/run/containerd/runc', facts.name)).catch(() => [])),
    ...['containers', 'leases', 'tasks'].map(async (kind) =>
      list(`containerd ${kind}`, await listRecords(facts, ctrPath, kind)),
    ),
  ]);
  return found.flat();
}

/** The kubelet binds its folder onto itself, and a network of the node's own is pinned. */
function isOfTheNode(facts: NodeFacts, point: string): boolean {
  return point === path.join(facts.root, 'k', 'root') || point === facts.network?.netns;
}

async function listRecords(facts: NodeFacts, ctrPath: string, kind: string): Promise<string[]> {
  const output = await run(ctrPath, ['--address', facts.containerdSocket, '--namespace', facts.name, kind, 'list', '--quiet']);
  return output.split('\n').filter((line) => line !== '');
}
