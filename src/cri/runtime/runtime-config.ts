import type { Runtimes } from '../../pod/runtimes.ts';
import type { RpcHandlers } from '../handlers.ts';

/** RuntimeConfig: the cgroup driver, from which the kubelet takes its own. */
export function runtimeConfig(runtimes: Runtimes): RpcHandlers['RuntimeConfig'] {
  const cgroupDriver = runtimes.get('').systemdCgroup ? 'SYSTEMD' : 'CGROUPFS';
  return async () => ({ linux: { cgroupDriver } });
}
