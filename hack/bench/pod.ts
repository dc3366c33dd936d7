import { randomUUID } from 'node:crypto';
import { call, timed, Timings, type Runtime } from './runtime.ts';

export const busybox = 'registry.k8s.io/e2e-test-images/busybox:1.37.0-2';

/** A Pod of the benchmark: the requests it is made with and the ids it got. */
export interface BenchPod {
  readonly sandboxId: string;
  readonly containerId: string;
}

/** The config of a Pod with a name of its own, as a kubelet would send it. */
export function podConfig(runtime: Runtime, logDirectory: string): object {
  const uid = randomUUID();
  return {
    metadata: { name: `bench-${uid.slice(0, 8)}`, namespace: 'bench', uid, attempt: 0 },
    hostname: 'bench',
    logDirectory,
    dnsConfig: { servers: ['10.96.0.10'], searches: [], options: [] },
    labels: { 'io.kubernetes.pod.name': 'bench', 'io.kubernetes.pod.namespace': 'bench', 'io.kubernetes.pod.uid': uid },
    linux: {
      cgroupParent: `${runtime.cgroup}/pod${uid}`,
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' }, seccomp: { profileType: 'RuntimeDefault' } },
    },
  };
}

/** The config of a container that runs `command`, and may have as much memory. */
export function containerConfig(imageId: string, command: readonly string[], memoryMb = 64): object {
  return {
    metadata: { name: 'main', attempt: 0 },
    image: { image: imageId },
    command,
    logPath: 'main/0.log',
    labels: { 'io.kubernetes.container.name': 'main' },
    linux: {
      resources: { cpuShares: '102', memoryLimitInBytes: String(memoryMb * 1024 ** 2) },
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
    },
  };
}

/** Brings a Pod with one container up, and times each call and the whole. */
export async function podUp(runtime: Runtime, timings: Timings, imageId: string, logs: string): Promise<BenchPod> {
  const config = podConfig(runtime, `${logs}/${randomUUID()}`);
  const began = performance.now();
  const { podSandboxId } = await timed<{ podSandboxId: string }>(runtime, timings, 'RunPodSandbox', { config });
  const { containerId } = await timed<{ containerId: string }>(runtime, timings, 'CreateContainer', {
    podSandboxId,
    config: containerConfig(imageId, ['sleep', '100000']),
    sandboxConfig: config,
  });
  await timed(runtime, timings, 'StartContainer', { containerId });
  timings.add('Pod start', performance.now() - began);
  return { sandboxId: podSandboxId, containerId };
}

/** Takes a Pod down in the kubelet's order, and times each call and the whole. */
export async function podDown(runtime: Runtime, timings: Timings, pod: BenchPod): Promise<void> {
  const began = performance.now();
  await timed(runtime, timings, 'StopContainer', { containerId: pod.containerId, timeout: '0' });
  await timed(runtime, timings, 'StopPodSandbox', { podSandboxId: pod.sandboxId });
  await timed(runtime, timings, 'RemoveContainer', { containerId: pod.containerId });
  await timed(runtime, timings, 'RemovePodSandbox', { podSandboxId: pod.sandboxId });
  timings.add('Pod stop', performance.now() - began);
}

/** Pulls an image and gives its id. */
export async function pull(runtime: Runtime, image: string): Promise<string> {
  const { imageRef } = await call<{ imageRef: string }>(runtime, 'PullImage', { image: { image } });
  return imageRef;
}
