import type { Containerd } from '../../containerd/client.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { criPluginFault } from './findings.ts';

/** Whether containerd's own CRI plugin runs: it is on unless containerd's configuration disables it. */
export async function criPluginRuns(containerd: Containerd): Promise<boolean> {
  const plugins = await containerd.introspection.plugins(['type==io.containerd.grpc.v1,id==cri']);
  return plugins.some(({ initError }) => initError === undefined);
}

/** Logs where containerd's own CRI plugin gets in podwright's way. Pods run all the same, until one meddles with the other's. */
export async function warnOfCriPlugin(containerd: Containerd, log: Log): Promise<void> {
  const fault = criPluginFault(containerd.namespace);
  if (fault === undefined) return;
  try {
    if (await criPluginRuns(containerd)) log.warn({}, fault);
  } catch (error) {
    log.debug({ error: messageOf(error) }, 'containerd does not say whether its CRI plugin runs');
  }
}
