import { randomInt } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NodeFacts, NodeNetwork } from './facts.ts';
import { run, tryRun } from './run.ts';

/** The one CNI network's list file of a node. */
export interface CniFolders {
  readonly confFolder: string;
  /** Where host-local keeps a file for each address given out. */
  readonly ipamFolder: string;
}

export function cniFolders(root: string): CniFolders {
  return { confFolder: path.join(root, 'cni', 'net.d'), ipamFolder: path.join(root, 'cni', 'ipam') };
}

/** The words of a command that is to run where the node's network is. */
export function inNetwork({ network }: NodeFacts, command: string, ...args: readonly string[]): [string, string[]] {
  return network === undefined ? [command, [...args]] : ['nsenter', [`--net=${network.netns}`, command, ...args]];
}

/** A /24 below 10/8 that no route of this machine touches. */
export async function chooseSubnet(taken: readonly string[]): Promise<string> {
  const routes = await run('ip', ['-4', 'route', 'show', 'table', 'all']);
  for (let tries = 0; tries < 100; tries++) {
    const subnet = `10.${randomInt(128, 255)}.${randomInt(0, 256)}`;
    if (!taken.includes(subnet) && isFree(subnet, routes)) return subnet;
  }
  throw new Error('no free /24 found below 10.128.0.0/9');
}

/** Whether no route but a default one covers or lies within the subnet. */
function isFree(subnet: string, routes: string): boolean {
  const wanted = toNumber(`${subnet}.0`);
  for (const [, address, length] of routes.matchAll(/(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?/g)) {
    const bits = Math.min(Number(length ?? 32), 24);
    const size = 2 ** (32 - bits);
    if (bits > 0 && address !== undefined && Math.floor(toNumber(address) / size) === Math.floor(wanted / size)) return false;
  }
  return true;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

/** Makes the bridge at once rather than leave it to the plugin, so that its route marks the subnet as taken. */
export async function makeBridge(facts: NodeFacts): Promise<void> {
  const ip = (...args: readonly string[]): Promise<string> => run(...inNetwork(facts, 'ip', ...args));
  await ip('link', 'add', facts.bridge, 'type', 'bridge');
  await ip('address', 'add', `${facts.subnet}.1/24`, 'dev', facts.bridge);
  await ip('link', 'set', facts.bridge, 'up');
}

/**
 * Makes a node's own network namespace, and a link into it with routes both ways. What lives in it, the
 * firewall's rules included, goes with it, and no port in it is ever taken.
 */
export async function makeNetwork(facts: NodeFacts, network: NodeNetwork): Promise<void> {
  const inside = (...args: readonly string[]): Promise<string> => run(...inNetwork(facts, 'ip', ...args));
  await writeFile(network.netns, '');
  await run('unshare', [`--net=${network.netns}`, 'true']);
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', network.hostLink, 'netns', String(process.pid));
  await inside('address', 'add', `${network.nodeAddress}/30`, 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
  await run('ip', ['address', 'add', `${network.hostAddress}/30`, 'dev', network.hostLink]);
  await run('ip', ['link', 'set', network.hostLink, 'up']);
  await inside('route', 'add', 'default', 'via', network.hostAddress);
  // The bridge is not seen from the machine: this route marks its subnet as taken, and leads to the Pods.
  await run('ip', ['route', 'add', `${facts.subnet}.0/24`, 'via', network.nodeAddress]);
}

/** Writes the node's network list: a bridge with host ports, as small clusters have it. */
export async function writeConflist(facts: NodeFacts): Promise<void> {
  const { confFolder, ipamFolder } = cniFolders(facts.root);
  await mkdir(confFolder, { recursive: true });
  await mkdir(ipamFolder, { recursive: true });
  const list = {
    cniVersion: '1.0.0',
    name: facts.name,
    plugins: [
      {
        type: 'bridge',
        bridge: facts.bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: ipamFolder,
          ranges: [[{ subnet: `${facts.subnet}.0/24` }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
      // Where Docker runs, the FORWARD policy is DROP: this lets the Pods through.
      { type: 'firewall' },
    ],
  };
  await writeFile(path.join(confFolder, '10-node.conflist'), JSON.stringify(list, undefined, 2));
}

/** Host ends of Pod links that hang on the node's bridge. */
export async function findLinks(facts: NodeFacts): Promise<string[]> {
  const { code, stdout } = await tryRun(...inNetwork(facts, 'ip', '-o', 'link', 'show', 'master', facts.bridge));
  if (code !== 0) return [];
  return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '');
}

/** Removes the bridge and what hangs on it. */
export async function removeLinks(facts: NodeFacts): Promise<void> {
  if (facts.network !== undefined) {
    // The kernel takes its time over a namespace that nobody is in any more; the link need not wait for that.
    await tryRun('ip', ['link', 'delete', facts.network.hostLink]);
    return;
  }
  for (const link of [...(await findLinks(facts)), facts.bridge]) await tryRun('ip', ['link', 'delete', link]);
}

/** Addresses that host-local still holds. */
export async function findReservations(facts: NodeFacts): Promise<string[]> {
  const names = await readdir(path.join(cniFolders(facts.root).ipamFolder, facts.name)).catch(() => []);
  return names.filter((name) => name.startsWith(`${facts.subnet}.`));
}
