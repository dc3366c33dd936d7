import { randomInt } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NodeFacts } from './facts.ts';
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
  await run('ip', ['link', 'add', facts.bridge, 'type', 'bridge']);
  await run('ip', ['address', 'add', `${facts.subnet}.1/24`, 'dev', facts.bridge]);
  await run('ip', ['link', 'set', facts.bridge, 'up']);
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
  const { code, stdout } = await tryRun('ip', ['-o', 'link', 'show', 'master', facts.bridge]);
  if (code !== 0) return [];
  return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '');
}

/** Removes the bridge and what hangs on it. */
export async function removeLinks(facts: NodeFacts): Promise<void> {
  for (const link of [...(await findLinks(facts)), facts.bridge]) await tryRun('ip', ['link', 'delete', link]);
}

/** Addresses that host-local still holds. */
export async function findReservations(facts: NodeFacts): Promise<string[]> {
  const names = await readdir(path.join(cniFolders(facts.root).ipamFolder, facts.name)).catch(() => []);
  return names.filter((name) => name.startsWith(`${facts.subnet}.`));
}
