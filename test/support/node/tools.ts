import path from 'node:path';
import { run } from './run.ts';

export type Tool =
  | 'containerd'
  | 'containerd-lts'
  | 'runc'
  | 'cni'
  | 'crictl'
  | 'critest'
  | 'ginkgo'
  | 'kubelet'
  | 'kubectl'
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'e2e-node'
  | 'agnhost';

/** The folders of the named tools, each built first where it is not there yet. */
export async function toolFolders<T extends Tool>(...tools: readonly T[]): Promise<Record<T, string>> {
  const script = path.join(import.meta.dirname, '../../../hack/tools/build.sh');
  const folders = (await run(script, tools, { timeoutMs: 3_600_000 })).trim().split('\n');
  return Object.fromEntries(tools.map((tool, i) => [tool, folders[i] ?? ''])) as Record<T, string>;
}
