import { existsSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { Containerd } from '../../containerd/client.ts';
import { reasonOf } from '../../containerd/errors.ts';
import { askRuntime } from '../../cri/ask.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { buildNetwork } from '../network.ts';
import { criPluginRuns } from './cri-plugin.ts';
import { type Finding, judge, type NodeFindings } from './findings.ts';
import { findConfiguredKubelet } from './kubeadm.ts';
import { findKubelets } from './kubelet.ts';

/** How long each of the others may take to answer, ms. */
const answerMs = 5_000;

/** Looks at the machine as `podwright check` does: changes nothing, and needs no podwright that runs. */
export async function checkNode(config: Config): Promise<Finding[]> {
  const [containerd, podwright, networkFault, kubelets, configuredKubelet] = await Promise.all([
    askContainerd(config),
    askRuntime(config.socket, answerMs).catch((error: unknown) => ({ error: reasonOf(error) })),
    askNetwork(config),
    findKubelets(),
    findConfiguredKubelet(),
  ]);
  // As sd_booted(3) does.
  const systemdRuns = existsSync('/run/systemd/system');
  return judge({ config, containerd, podwright, networkFault, kubelets, configuredKubelet, systemdRuns });
}

async function askContainerd({ containerd: { address, namespace } }: Config): Promise<NodeFindings['containerd']> {
  const containerd = new Containerd({ address, namespace, log: silentLog });
  try {
    const { version } = await containerd.version({ timeoutMs: answerMs });
    return { version, criPluginRuns: await criPluginRuns(containerd) };
  } catch (error) {
    return { error: reasonOf(error) };
  } finally {
    containerd.close();
  }
}

async function askNetwork(config: Config): Promise<string> {
  const network = await buildNetwork({ config, clock: systemClock(), log: silentLog });
  const { message } = network.ready();
  await network.stop();
  return message;
}
