import { randomUUID } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { call, timed, Timings, type Runtime } from './runtime.ts';
import { containerConfig, podConfig, podDown, podUp, type BenchPod } from './pod.ts';

/** One Pod up, asked about, and down again. */
export async function lifecycle(runtime: Runtime, timings: Timings, imageId: string, logs: string): Promise<void> {
  const pod = await podUp(runtime, timings, imageId, logs);
  const { containerId } = pod;
  for (let round = 0; round < 5; round += 1) {
    await timed(runtime, timings, 'ExecSync', { containerId, cmd: ['true'], timeout: '10' });
  }
  await podDown(runtime, timings, pod);
}

/** Many Pods up, some at a time, and down in the same way; times the whole of each. */
export async function burst(runtime: Runtime, timings: Timings, imageId: string, logs: string): Promise<void> {
  const ignored = new Timings();
  const began = performance.now();
  const pods = await inParallel(32, 8, () => podUp(runtime, ignored, imageId, logs));
  timings.add('burst of 32 up', performance.now() - began);
  const stopping = performance.now();
  const left = [...pods];
  await inParallel(32, 8, async () => {
    const pod = left.pop();
    if (pod !== undefined) await podDown(runtime, ignored, pod);
  });
  timings.add('burst of 32 down', performance.now() - stopping);
  timings.add('burst', performance.now() - began);
}

/** The kubelet's questions with a number of Pods running. */
export async function questions(runtime: Runtime, timings: Timings, pods: readonly BenchPod[]): Promise<void> {
  for (let round = 0; round < 40; round += 1) {
    const pod = pods[round % pods.length];
    if (pod === undefined) return;
    await timed(runtime, timings, 'ListPodSandbox', {});
    await timed(runtime, timings, 'ListContainers', {});
    await timed(runtime, timings, 'PodSandboxStatus', { podSandboxId: pod.sandboxId });
    await timed(runtime, timings, 'ContainerStatus', { containerId: pod.containerId });
    await timed(runtime, timings, 'Status', {});
    await timed(runtime, timings, 'Version', {});
    await timed(runtime, timings, 'ListImages', {});
    if (round % 8 === 0) {
      await timed(runtime, timings, 'ListContainerStats', {});
      await timed(runtime, timings, 'ListPodSandboxStats', {});
      await timed(runtime, timings, 'ImageFsInfo', {});
    }
  }
}

const lines = 1_000_000;
const line = 'x'.repeat(99);

/** How fast lines of 100 bytes get from a container into its log file, MB/s of what was written. */
export async function logThroughput(runtime: Runtime, imageId: string, logs: string): Promise<number> {
  const logDirectory = path.join(logs, randomUUID());
  const config = podConfig(runtime, logDirectory);
  const { podSandboxId } = await call<{ podSandboxId: string }>(runtime, 'RunPodSandbox', { config });
  const { containerId } = await call<{ containerId: string }>(runtime, 'CreateContainer', {
    podSandboxId,
    config: containerConfig(imageId, ['sh', '-c', `yes ${line} | head -n ${lines}`]),
    sandboxConfig: config,
  });
  const began = performance.now();
  await call(runtime, 'StartContainer', { containerId });
  for (;;) {
    const { status } = await call<{ status: { state: string } }>(runtime, 'ContainerStatus', { containerId });
    if (status.state === 'CONTAINER_EXITED') break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const tookS = (performance.now() - began) / 1000;
  const { size } = await stat(path.join(logDirectory, 'main/0.log'));
  if (size < lines * 100) throw new Error(`${runtime.name}: the log has ${size} bytes, lines are missing`);
  await call(runtime, 'StopPodSandbox', { podSandboxId });
  await call(runtime, 'RemovePodSandbox', { podSandboxId });
  return (lines * 100) / 1e6 / tookS;
}

/** Pulls an image that is not there, and removes it again. */
export async function pullOnce(runtime: Runtime, timings: Timings, image: string): Promise<void> {
  const began = performance.now();
  await call(runtime, 'PullImage', { image: { image } });
  timings.add('pull 100 MB, 8 layers', performance.now() - began);
  await call(runtime, 'RemoveImage', { image: { image } });
}

/**
 * Creates and removes a container with as much in its config as a large Pod has: five times as soon as its Pod is there,
 * while podwright still makes the pause container, and five times when that is long done.
 */
export async function heavyCreate(runtime: Runtime, timings: Timings, imageId: string, logs: string): Promise<void> {
  const config = podConfig(runtime, path.join(logs, randomUUID()));
  const { podSandboxId } = await call<{ podSandboxId: string }>(runtime, 'RunPodSandbox', { config });
  const folder = path.join(logs, 'volumes');
  await mkdir(folder, { recursive: true });
  const large = {
    ...containerConfig(imageId, ['true']),
    mounts: Array.from({ length: 100 }, (_, i) => ({ containerPath: `/volumes/v${i}`, hostPath: folder, readonly: true })),
    envs: Array.from({ length: 200 }, (_, i) => ({ key: `VARIABLE_${i}`, value: Buffer.from(`value ${i}`) })),
    devices: Array.from({ length: 20 }, (_, i) => ({ containerPath: `/dev/null${i}`, hostPath: '/dev/null', permissions: 'rw' })),
  };
  for (let round = 0; round < 10; round += 1) {
    const began = performance.now();
    const { containerId } = await call<{ containerId: string }>(runtime, 'CreateContainer', {
      podSandboxId,
      config: large,
      sandboxConfig: config,
    });
    timings.add(round < 5 ? 'CreateContainer, large' : 'CreateContainer, large, later', performance.now() - began);
    await call(runtime, 'RemoveContainer', { containerId });
  }
  await call(runtime, 'StopPodSandbox', { podSandboxId });
  await call(runtime, 'RemovePodSandbox', { podSandboxId });
}

/** Runs `act` so many times, no more than `width` at once; answers what they gave. */
export async function inParallel<T>(count: number, width: number, act: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      results.push(await act());
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
