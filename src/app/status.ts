import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Readiness } from '../cri/runtime/status.ts';
import { messageOf } from '../lib/errors.ts';
import type { PodEvents } from '../pod/events.ts';

/** podwright's version as package.json has it, from src/app as from dist/app. */
export function podwrightVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return version;
}

/** RuntimeReady: whether containerd can be reached; known already, nothing is asked. */
export function runtimeReadiness(containerd: Containerd): Readiness {
  const { connected, reason } = containerd.state();
  return connected
    ? { ready: true, reason: '', message: '' }
    : { ready: false, reason: 'ContainerdNotReachable', message: reason };
}

/**
 * What `crictl info` shows: the configuration, which holds no secrets, which containerd this stands on, and how
 * many read events or missed some.
 */
export async function runtimeInfo(config: Config, containerd: Containerd, events: PodEvents): Promise<Record<string, string>> {
  const stateDir = config.state;
  return {
    config: JSON.stringify({ ...config, stateDir }),
    podwright: JSON.stringify({ version: podwrightVersion(), node: process.version, pid: process.pid }),
    containerd: JSON.stringify(await containerdInfo(containerd)),
    events: JSON.stringify(events.counts),
  };
}

async function containerdInfo(containerd: Containerd): Promise<object> {
  try {
    return await containerd.version({ timeoutMs: 2_000 });
  } catch (error) {
    return { error: messageOf(error) };
  }
}
