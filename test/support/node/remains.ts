import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { findCgroups } from './cgroups.ts';
import { factsFile, nodeParents, type NodeFacts } from './facts.ts';
import { findRules } from './iptables.ts';
import { findMounts } from './mounts.ts';
import { findLinks, findReservations } from './network.ts';
import { findProcesses } from './processes.ts';

/** What is looked for when all is taken down, in words. Network namespaces are pinned by mounts. */
export const lookedFor = 'process, mount, network namespace, link, iptables rule, IP reservation, cgroup or file';

/** What a node that was taken down left on the machine, one line each. */
export async function findRemains(facts: NodeFacts): Promise<string[]> {
  const found = await Promise.all([
    findProcesses(facts).then((all) => all.map(({ pid, command }) => `process ${pid}: ${command}`)),
    findMounts(facts).then((all) => all.map((point) => `mount ${point}`)),
    findLinks(facts).then((all) => all.map((link) => `link ${link}`)),
    findRules(facts).then((all) => all.map((rule) => `iptables rule ${rule}`)),
    findReservations(facts).then((all) => all.map((address) => `IP reservation ${address}`)),
    findCgroups(facts).then((all) => all.map((group) => `cgroup ${group}`)),
  ]);
  const { network, root } = facts;
  // Of a network of its own, one end of its link is what can be seen.
  const linked = network !== undefined && existsSync(path.join('/sys/class/net', network.hostLink));
  return [...found.flat(), ...(linked ? [`link ${network.hostLink}`] : []), ...(existsSync(root) ? [`folder ${root}`] : [])];
}

/** Folders of nodes that this process made and that are still there; a node's folder is the last of it to go. Synchronous, for a process's exit. */
export function ownFolders(): string[] {
  const folders = nodeParents.flatMap((parent) => (existsSync(parent) ? readdirSync(parent).map((name) => path.join(parent, name)) : []));
  return folders.filter((folder) => {
    const file = factsFile(folder);
    return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as NodeFacts).owner?.pid === process.pid;
  });
}
