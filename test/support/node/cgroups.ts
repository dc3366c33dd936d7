import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeFacts } from './facts.ts';

/** The leaf that the node's daemons run in: on cgroup v2 a group with children may hold no process itself. */
const daemonsGroup = 'daemons';

/** Where the cgroup hierarchies of this machine are mounted, v1 and v2 alike. */
async function hierarchies(): Promise<string[]> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const points = mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return /^cgroup2? /.test(after) ? [before.split(' ')[4] ?? ''] : [];
  });
  return [...new Set(points)];
}

/** Makes the node's cgroup in every hierarchy, usable for containers; returns the `cgroup.procs` files for its daemons. */
export async function makeCgroup(facts: Pick<NodeFacts, 'cgroup'>): Promise<string[]> {
  const procs: string[] = [];
  for (const hierarchy of await hierarchies()) {
    const group = path.join(hierarchy, facts.cgroup);
    await makeUsable(hierarchy, group);
    await makeUsable(group, path.join(group, daemonsGroup));
    procs.push(path.join(group, daemonsGroup, 'cgroup.procs'));
  }
  return procs;
}

/**
 * Makes a group that can become the root of a cgroup namespace, and tells of each hierarchy where its processes are
 * to be: on cgroup v2 a root other than the machine's may not have processes and groups with limits side by side.
 */
export async function makeNamespaceRoot(group: string): Promise<{ readonly root: string; readonly processes: string }[]> {
  const made: { root: string; processes: string }[] = [];
  for (const hierarchy of await hierarchies()) {
    const root = path.join(hierarchy, group);
    const isV2 = existsSync(path.join(hierarchy, 'cgroup.controllers'));
    const processes = isV2 ? path.join(root, 'processes') : root;
    await makeUsable(hierarchy, root);
    await mkdir(processes, { recursive: true });
    made.push({ root, processes });
  }
  return made;
}

async function makeUsable(parent: string, group: string): Promise<void> {
  if (existsSync(path.join(parent, 'cgroup.subtree_control'))) {
    const controllers = (await readFile(path.join(parent, 'cgroup.controllers'), 'utf8')).trim();
    const enable = controllers.split(' ').filter((name) => name !== '').map((name) => `+${name}`);
    if (enable.length > 0) await writeFile(path.join(parent, 'cgroup.subtree_control'), enable.join(' '));
  }
  await mkdir(group, { recursive: true });
  // A new v1 cpuset is empty, and no process can enter an empty one.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const isV1 = existsSync(path.join(group, file)) && !existsSync(path.join(group, 'cgroup.controllers'));
    if (isV1) await writeFile(path.join(group, file), await readFile(path.join(parent, file)));
  }
}

/** The groups of Pods and containers below the node's cgroup, the deepest last. */
export async function findCgroups(facts: NodeFacts): Promise<string[]> {
  const found: string[] = [];
  for (const hierarchy of await hierarchies()) await collect(path.join(hierarchy, facts.cgroup), found);
  return found.filter((group) => /[0-9a-f]{64}|\/pod[0-9a-f-]{8,}/.test(group));
}

/** Removes the node's cgroup from every hierarchy. Its processes must have been killed, but may not be gone yet. */
export async function removeCgroup(facts: Pick<NodeFacts, 'cgroup'>): Promise<void> {
  const found: string[] = [];
  for (const hierarchy of await hierarchies()) await collect(path.join(hierarchy, facts.cgroup), found);
  for (const group of found.reverse()) await removeGroup(group);
}

async function removeGroup(group: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      await rmdir(group);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY') throw error;
      await sleep(20);
    }
  }
}

async function collect(group: string, into: string[]): Promise<void> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return;
  into.push(group);
  for (const entry of entries) if (entry.isDirectory()) await collect(path.join(group, entry.name), into);
}
