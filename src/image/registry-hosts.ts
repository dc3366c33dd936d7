import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'smol-toml';
import { errnoOf } from '../lib/errors.ts';
import { registryHost } from './reference.ts';

/**
 * The hosts that containerd will ask for images of `domain`: the mirrors and the server in its hosts.toml, or the
 * registry itself. Lower case, with their port where the file has one. These and no others may see credentials.
 */
export async function registryEndpoints(hostsDir: string | undefined, domain: string): Promise<ReadonlySet<string>> {
  const own = registryHost(domain).toLowerCase();
  const folder = hostsDir === undefined || hostsDir === '' ? undefined : await hostFolder(hostsDir, domain);
  if (folder === undefined) return new Set([own]);
  let text: string;
  try {
    text = await readFile(path.join(folder, 'hosts.toml'), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return new Set([own]);
    throw error;
  }
  return endpointsIn(text, own);
}

/** The hosts in the text of a hosts.toml; a file that can't be read counts for nothing, as it does for containerd. */
export function endpointsIn(hostsToml: string, own: string): ReadonlySet<string> {
  let file: Record<string, unknown>;
  try {
    file = parse(hostsToml);
  } catch {
    return new Set([own]);
  }
  const { host, server } = file;
  const mirrors = typeof host === 'object' && host !== null ? Object.keys(host) : [];
  const last = typeof server === 'string' && server !== '' ? server : own;
  return new Set([...mirrors, last].flatMap((address) => authorityOf(address) ?? []));
}

/** Where containerd looks for a registry's hosts.toml: `host_port_`, `host:port`, then `_default`. */
async function hostFolder(hostsDir: string, domain: string): Promise<string | undefined> {
  const names = [domain.replace(/^(.+):([^:]*)$/, '$1_$2_'), domain, '_default'];
  for (const name of names) {
    const folder = path.join(hostsDir, name);
    try {
      await stat(folder);
      return folder;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

function authorityOf(address: string): string | undefined {
  const withScheme = address.startsWith('http') ? address : `https://${address}`;
  const authority = /^https?:\/\/(?:[^/@]*@)?([^/?#]+)/i.exec(withScheme)?.[1];
  return authority?.toLowerCase();
}
