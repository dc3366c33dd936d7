import { invalidField } from '../lib/errors.ts';
import type { DNSConfig__Output } from '../types/cri/runtime/v1/DNSConfig.ts';

/** A Pod's resolv.conf (CRI DNSConfig; resolv.conf(5)). invalidArgument for a value that would break its line. */
export function resolvConfText(dns: DNSConfig__Output): string {
  const servers = checked('config.dns_config.servers', dns.servers);
  const searches = checked('config.dns_config.searches', dns.searches);
  const options = checked('config.dns_config.options', dns.options);
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** The hosts file of a Pod on its own network. The kubelet mounts its own, with the Pod's address, over it. */
export function hostsText(): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    '',
  ].join('\n');
}

function checked(field: string, values: readonly string[]): readonly string[] {
  const bad = values.find((value) => value === '' || /[\s\0]/u.test(value));
  if (bad !== undefined) throw invalidField(field, bad, 'a value is one word');
  return values;
}
