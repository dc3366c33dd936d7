import net from 'node:net';
import { CodedError } from '../lib/errors.ts';
import type { CniIp, CniResult } from './result.ts';

/** Which address of a dual-stack Pod is its first: the family named, or `cni` for the order the plugins gave. */
export type IpPreference = 'cni' | 'ipv4' | 'ipv6';

/** A Pod's addresses as the CRI reports them: `additionalIps` never holds `ip` (PodSandboxNetworkStatus). */
export interface PodIps {
  readonly ip: string;
  readonly additionalIps: readonly string[];
}

/**
 * Picks a Pod's addresses out of a result: those of the interface named `ifName` in a sandbox, and those of no
 * interface at all (plugins with one interface may leave it out). `failedPrecondition` when there is none.
 */
export function selectPodIps(result: CniResult, ifName: string, preference: IpPreference): PodIps {
  const ips = [...new Set(podIps(result, ifName).map((ip) => ip.address))];
  const wanted = preference === 'cni' ? ips[0] : ips.find((ip) => net.isIPv6(ip) === (preference === 'ipv6'));
  const ip = wanted ?? ips[0];
  if (ip === undefined) {
    throw new CodedError('failedPrecondition', `the network gave interface ${ifName} no ip (${describe(result)})`);
  }
  return { ip, additionalIps: ips.filter((other) => other !== ip) };
}

// A host may have an eth0 too, and plugins list host-side interfaces beside the Pod's: take the nearest match there is.
function podIps(result: CniResult, ifName: string): readonly CniIp[] {
  const interfaceOf = (ip: CniIp) => (ip.interfaceIndex === undefined ? undefined : result.interfaces[ip.interfaceIndex]);
  const matches = [
    (ip: CniIp) => interfaceOf(ip)?.name === ifName && interfaceOf(ip)?.sandbox !== '',
    (ip: CniIp) => interfaceOf(ip)?.name === ifName,
    (ip: CniIp) => (interfaceOf(ip)?.sandbox ?? '') !== '',
  ];
  const nearest = matches.find((match) => result.ips.some(match)) ?? (() => false);
  return result.ips.filter((ip) => ip.interfaceIndex === undefined || nearest(ip));
}

function describe(result: CniResult): string {
  const names = result.interfaces.map((one) => `${one.name}${one.sandbox === '' ? '' : ' in the sandbox'}`);
  return `interfaces: ${names.join(', ') || 'none'}; ips: ${result.ips.map((ip) => ip.address).join(', ') || 'none'}`;
}
