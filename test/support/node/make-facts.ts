import { randomBytes } from 'node:crypto';
import { chmod, mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { isWanted, listNodes, type MachineBefore, nodeName, nodeParents, type NodeFacts, thisProcess, writeFacts } from './facts.ts';
import { findSharedChains } from './iptables.ts';
import { readTunables } from './kubelet.ts';
import { chooseSubnet } from './network.ts';
import { podwrightSocket } from './podwright.ts';

const overlayfsMagic = 0x794c7630;

/** Chooses names and addresses for a new node, and makes its folder with the facts in it. */
export async function makeFacts(options: { readonly toolsPath: readonly string[]; readonly podwright: boolean }): Promise<NodeFacts> {
  const others = await listNodes();
  const id = randomBytes(3).toString('hex');
  const name = nodeName(id);
  const root = path.join(await chooseParent(), name);
  const containerdSocket = path.join(root, 'c', 'containerd.sock');
  const facts: NodeFacts = {
    root,
    owner: thisProcess(),
    name,
    bridge: `pwbr-${id}`,
    subnet: await chooseSubnet(others.map((node) => node.subnet)),
    cgroup: `/${name}`,
    containerdSocket,
    criSocket: options.podwright ? podwrightSocket(root) : containerdSocket,
    toolsPath: options.toolsPath,
    machineBefore: await lookAtMachine(others),
  };
  await mkdir(root);
  // Users of containers with a user namespace have to get through to their files.
  await chmod(root, 0o755);
  await writeFacts(facts);
  return facts;
}

/** Other nodes have changed the machine already, so what was before them is taken from them. */
async function lookAtMachine(others: readonly NodeFacts[]): Promise<MachineBefore> {
  const first = others.find(isWanted);
  return first?.machineBefore ?? { sharedChains: await findSharedChains(), sysctls: await readTunables() };
}

async function chooseParent(): Promise<string> {
  for (const parent of nodeParents) {
    const type = await statfs(parent).then((stats) => stats.type, () => undefined);
    if (type !== undefined && type !== overlayfsMagic) return parent;
  }
  throw new Error(`none of ${nodeParents.join(', ')} is on a file system that overlayfs works on`);
}
