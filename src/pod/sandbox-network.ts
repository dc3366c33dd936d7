import { podCgroup } from './cgroups.ts';
import type { Parts } from './parts.ts';
import type { SandboxNetworkRequest } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

const protocols = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/** What CNI is asked for on behalf of a sandbox. Ports without a host port need nothing done. */
export function networkRequest(parts: Pick<Parts, 'runtimes' | 'namespace'>, sandbox: Sandbox): SandboxNetworkRequest {
  const { config, record } = sandbox;
  const runtime = parts.runtimes.of(record.runtimeHandler);
  const dns = config.dnsConfig;
  return {
    id: sandbox.id,
    netnsPath: record.namespaces.net ?? '',
    pod: {
      name: config.metadata?.name ?? '',
      namespace: config.metadata?.namespace ?? '',
      uid: config.metadata?.uid ?? '',
    },
    portMappings: config.portMappings
      .filter((port) => port.hostPort !== 0)
      .map((port) => ({
        protocol: protocols[port.protocol],
        containerPort: port.containerPort,
        hostPort: port.hostPort,
        hostIp: port.hostIp,
      })),
    annotations: config.annotations,
    ...(dns && { dns: { servers: dns.servers, searches: dns.searches, options: dns.options } }),
    cgroupParent: podCgroup(sandbox, runtime, parts.namespace) ?? '',
    confDir: runtime.cniConfDir,
  };
}
