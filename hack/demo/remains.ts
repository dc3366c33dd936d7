import { existsSync } from 'node:fs';
import { findCgroups } from '../../test/support/node/cgroups.ts';
import type { NodeFacts } from '../../test/support/node/facts.ts';
import { findRules } from '../../test/support/node/iptables.ts';
import { findMounts } from '../../test/support/node/mounts.ts';
import { findLinks, findReservations } from '../../test/support/node/network.ts';
import { findProcesses } from '../../test/support/node/processes.ts';

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
  return [...found.flat(), ...(existsSync(facts.root) ? [`folder ${facts.root}`] : [])];
}
