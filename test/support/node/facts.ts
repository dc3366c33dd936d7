import { readFile, readdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../../src/lib/atomic-file.ts';

/** A process, named so that another one that gets its number later is not taken for it. */
export interface Owner {
  readonly pid: number;
  readonly startTicks: string;
}

/**
 * All that has to be known of a test node to find and remove everything it made, also by another process
 * after its own has died. Kept as `node.json` in the node's folder.
 */
export interface NodeFacts {
  readonly root: string;
  /** The process that the node lives for; null when it is to stay until it is taken down by hand. */
  readonly owner: Owner | null;
  /** podwright's namespace in containerd, and the CNI network's name. */
  readonly name: string;
  readonly bridge: string;
  /** The first three bytes of its /24: `10.203.7`. */
  readonly subnet: string;
  /** Its cgroup in every hierarchy: `/pw-1a2b3c`. */
  readonly cgroup: string;
  /** A network of its own, in which all its daemons run; without it they run in the machine's. */
  readonly network?: NodeNetwork;
  readonly containerdSocket: string;
  /** The CRI socket: podwright's, or containerd's where its own CRI is what the node has. */
  readonly criSocket: string;
  /** Folders with crictl, ctr and the rest, for the `PATH`. */
  readonly toolsPath: readonly string[];
  readonly machineBefore: MachineBefore;
}

/** A network namespace and the link that leads from the machine into it. */
export interface NodeNetwork {
  /** Where the namespace is pinned, within the node's folder. */
  readonly netns: string;
  readonly hostLink: string;
  /** The machine's address on the link. */
  readonly hostAddress: string;
  /** The node's address, at which it can be reached from the machine and from its Pods. */
  readonly nodeAddress: string;
}

/** What the machine was like before the first of the test nodes on it, which the last one restores. */
export interface MachineBefore {
  /** iptables chains shared by all CNI networks: those that were there are not ours to remove. */
  readonly sharedChains: readonly string[];
  /** Kernel settings that a kubelet changes. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** What daemons make at fixed places and was not there, each before the folder it is in. */
  readonly missing: readonly string[];
}

const prefix = 'pw-';

/** Where nodes may live; overlayfs does not work on top of every file system, so there is a choice. */
export const nodeParents = ['/tmp', '/var/tmp', '/dev/shm'];

/** What stands for a node in names: `pw-1a2b3c`, short because unix socket paths end at 107 bytes. */
export function nodeName(id: string): string {
  return `${prefix}${id}`;
}

/** Where a node's facts are. */
export function factsFile(root: string): string {
  return path.join(root, 'node.json');
}

export async function writeFacts(facts: NodeFacts): Promise<void> {
  await writeFileAtomic(factsFile(facts.root), JSON.stringify(facts, undefined, 2));
}

/** The facts of the node in a folder; undefined where there is none. */
export async function readFacts(root: string): Promise<NodeFacts | undefined> {
  try {
    return JSON.parse(await readFile(factsFile(root), 'utf8')) as NodeFacts;
  } catch {
    return undefined;
  }
}

/** Every node of this machine, dead owners' ones too. */
export async function listNodes(): Promise<NodeFacts[]> {
  const nodes: NodeFacts[] = [];
  for (const parent of nodeParents) {
    const names = await readdir(parent).catch(() => []);
    for (const name of names.filter((each) => each.startsWith(prefix)).sort()) {
      const facts = await readFacts(path.join(parent, name));
      if (facts !== undefined) nodes.push(facts);
    }
  }
  return nodes;
}

/** Whether a node's owner lives, or it was made to stay. */
export function isWanted(facts: NodeFacts): boolean {
  return facts.owner === null || startTicksOf(facts.owner.pid) === facts.owner.startTicks;
}

/** The calling process as an owner. */
export function thisProcess(): Owner {
  return { pid: process.pid, startTicks: startTicksOf(process.pid) ?? '' };
}

/** Field 22 of /proc/PID/stat (proc(5)); the command before it may hold spaces and brackets. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}
