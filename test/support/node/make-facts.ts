import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import {
  factsFile,
  isWanted,
  listNodes,
  type MachineBefore,
  nodeName,
  type NodeNetwork,
  nodeParents,
  type NodeFacts,
  thisProcess,
} from './facts.ts';
import { findSharedChains } from './iptables.ts';
import { readTunables } from './kubelet.ts';
import { chooseSubnet } from './network.ts';
import { podwrightSocket } from './podwright.ts';

const overlayfsMagic = 0x794c7630;

/** What shims, runc, libcni and the kubelet make and cannot be told otherwise, each before its parent. */
const fixedPaths = [
  '/run/containerd/s',
  '/run/containerd/runc/k8s.io',
  '/run/containerd/runc',
  '/run/containerd',
  '/var/lib/cni/results',
  '/var/lib/cni',
  '/var/lib/kubelet/device-plugins/kubelet.sock',
  '/var/lib/kubelet/device-plugins',
  '/var/lib/kubelet',
  '/var/log/containers',
];

export interface FactsOptions {
  readonly toolsPath: readonly string[];
  /** Whether the node's CRI is podwright's; containerd's otherwise. */
  readonly podwright: boolean;
  readonly ownNetwork: boolean;
}

/** Chooses names and addresses for a new node, and makes its folder with the facts in it. */
export async function makeFacts(options: FactsOptions): Promise<NodeFacts> {
  const others = await listNodes();
  const id = randomBytes(3).toString('hex');
  const name = nodeName(id);
  const root = path.join(await chooseParent(), name);
  const containerdSocket = path.join(root, 'c', 'containerd.sock');
  const taken = others.flatMap(subnetsOf);
  const subnet = await chooseSubnet(taken);
  const facts: NodeFacts = {
    root,
    owner: thisProcess(),
    name,
    bridge: `pwbr-${id}`,
    subnet,
    cgroup: `/${name}`,
    ...(options.ownNetwork && { network: networkOf(root, id, await chooseSubnet([...taken, subnet])) }),
    containerdSocket,
    criSocket: options.podwright ? podwrightSocket(root) : containerdSocket,
    toolsPath: options.toolsPath,
    machineBefore: await lookAtMachine(others),
  };
  // In one turn, to the caller's next line: a signal in between would leave a folder that nobody knows whose it is.
  mkdirSync(root);
  // Users of containers with a user namespace have to get through to their files.
  chmodSync(root, 0o755);
  writeFileSync(factsFile(root), JSON.stringify(facts, undefined, 2));
  return facts;
}

function networkOf(root: string, id: string, subnet: string): NodeNetwork {
  return { netns: path.join(root, 'netns'), hostLink: `pweth-${id}`, hostAddress: `${subnet}.1`, nodeAddress: `${subnet}.2` };
}

function subnetsOf({ subnet, network }: NodeFacts): string[] {
  return network === undefined ? [subnet] : [subnet, network.nodeAddress.split('.').slice(0, 3).join('.')];
}

/** Other nodes have changed the machine already, so what was before them is taken from them. */
async function lookAtMachine(others: readonly NodeFacts[]): Promise<MachineBefore> {
  const first = others.find(isWanted);
  if (first !== undefined) return first.machineBefore;
  return {
    sharedChains: await findSharedChains(),
    sysctls: await readTunables(),
    missing: fixedPaths.filter((place) => !existsSync(place)),
  };
}

async function chooseParent(): Promise<string> {
  for (const parent of nodeParents) {
    const type = await statfs(parent).then((stats) => stats.type, () => undefined);
    if (type !== undefined && type !== overlayfsMagic) return parent;
  }
  throw new Error(`none of ${nodeParents.join(', ')} is on a file system that overlayfs works on`);
}
