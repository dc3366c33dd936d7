import type { Config } from '../config/config.ts';
import type { Containerd } from '../containerd/client.ts';
import type { RpcHandlers } from '../cri/handlers.ts';
import { imageFsInfo } from '../cri/image/image-fs-info.ts';
import { imageStatus } from '../cri/image/image-status.ts';
import { listImages } from '../cri/image/list-images.ts';
import { pullImage } from '../cri/image/pull-image.ts';
import { removeImage } from '../cri/image/remove-image.ts';
import { streamImages } from '../cri/image/stream-images.ts';
import { containerStats } from '../cri/runtime/container-stats.ts';
import { containerStatus } from '../cri/runtime/container-status.ts';
import { createContainer } from '../cri/runtime/create-container.ts';
import { attach } from '../cri/runtime/attach.ts';
import { exec } from '../cri/runtime/exec.ts';
import { portForward } from '../cri/runtime/port-forward.ts';
import type { Streams } from '../cri/runtime/streams.ts';
import { execSync } from '../cri/runtime/exec-sync.ts';
import { getContainerEvents } from '../cri/runtime/get-container-events.ts';
import { listContainerStats } from '../cri/runtime/list-container-stats.ts';
import { listContainers } from '../cri/runtime/list-containers.ts';
import { listMetricDescriptors } from '../cri/runtime/list-metric-descriptors.ts';
import { listPodSandboxMetrics } from '../cri/runtime/list-pod-sandbox-metrics.ts';
import { listPodSandboxStats } from '../cri/runtime/list-pod-sandbox-stats.ts';
import { listPodSandbox } from '../cri/runtime/list-pod-sandbox.ts';
import { podSandboxStats } from '../cri/runtime/pod-sandbox-stats.ts';
import { podSandboxStatus } from '../cri/runtime/pod-sandbox-status.ts';
import { removeContainer } from '../cri/runtime/remove-container.ts';
import { removePodSandbox } from '../cri/runtime/remove-pod-sandbox.ts';
import { reopenContainerLog } from '../cri/runtime/reopen-container-log.ts';
import { runPodSandbox } from '../cri/runtime/run-pod-sandbox.ts';
import { runtimeConfig } from '../cri/runtime/runtime-config.ts';
import { startContainer } from '../cri/runtime/start-container.ts';
import { status } from '../cri/runtime/status.ts';
import { stopContainer } from '../cri/runtime/stop-container.ts';
import { stopPodSandbox } from '../cri/runtime/stop-pod-sandbox.ts';
import { streamContainerStats } from '../cri/runtime/stream-container-stats.ts';
import { streamContainers } from '../cri/runtime/stream-containers.ts';
import { streamPodSandboxMetrics } from '../cri/runtime/stream-pod-sandbox-metrics.ts';
import { streamPodSandboxStats } from '../cri/runtime/stream-pod-sandbox-stats.ts';
import { streamPodSandboxes } from '../cri/runtime/stream-pod-sandboxes.ts';
import { updateContainerResources } from '../cri/runtime/update-container-resources.ts';
import { updatePodSandboxResources } from '../cri/runtime/update-pod-sandbox-resources.ts';
import { updateRuntimeConfig } from '../cri/runtime/update-runtime-config.ts';
import { version } from '../cri/runtime/version.ts';
import type { CriServices } from '../cri/service.ts';
import { DetailReader } from '../pod/details.ts';
import type { Parts } from '../pod/parts.ts';
import type { StatsReader } from '../pod/stats.ts';
import type { ImageParts } from './images.ts';
import { fileSystemIfTold, linuxDetails } from './linux-details.ts';
import type { NetworkParts } from './network.ts';
import { podwrightVersion, runtimeInfo, runtimeReadiness } from './status.ts';

/** Every RPC that is built; what is missing here answers UNIMPLEMENTED. */
export function buildHandlers(of: {
  readonly config: Config;
  readonly parts: Parts;
  readonly services: CriServices;
  readonly images: ImageParts;
  readonly network: NetworkParts;
  readonly containerd: Containerd;
  readonly stats: StatsReader;
  readonly streams: Streams;
}): Partial<RpcHandlers> {
  const { parts, services, images, network, containerd, stats, streams } = of;
  const snapshotterOf = (handler: string): string => parts.runtimes.get(handler).snapshotter;
  const imageDeps = { images: images.store, puller: images.puller, fileSystems: images.fileSystems, snapshotterOf };
  const mountpoint = (): string => images.fileSystems.mountpoint(of.config.images.snapshotter);
  const statsDeps = { parts, stats, mountpoint };
  const metricsDeps = {
    parts,
    details: new DetailReader(parts, linuxDetails(parts.host.cgroupVersion), stats.layers),
    fileSystem: () => fileSystemIfTold(mountpoint(), parts.log),
  };
  return {
    Version: version({ version: podwrightVersion() }),
    Status: status({
      runtimes: parts.runtimes,
      runtimeReady: () => runtimeReadiness(containerd),
      networkReady: () => network.ready(),
      info: () => runtimeInfo(of.config, containerd, parts.events),
    }),
    RuntimeConfig: runtimeConfig(parts.runtimes),
    UpdateRuntimeConfig: updateRuntimeConfig({ network }),
    RunPodSandbox: runPodSandbox(parts),
    StopPodSandbox: stopPodSandbox(parts),
    RemovePodSandbox: removePodSandbox(parts),
    PodSandboxStatus: podSandboxStatus(parts),
    ListPodSandbox: listPodSandbox(parts, services),
    StreamPodSandboxes: streamPodSandboxes(parts, services),
    UpdatePodSandboxResources: updatePodSandboxResources(parts),
    CreateContainer: createContainer(parts),
    StartContainer: startContainer(parts),
    StopContainer: stopContainer(parts),
    RemoveContainer: removeContainer(parts),
    ListContainers: listContainers(parts, services),
    StreamContainers: streamContainers(parts, services),
    ContainerStatus: containerStatus(parts),
    UpdateContainerResources: updateContainerResources(parts),
    ReopenContainerLog: reopenContainerLog(parts),
    ExecSync: execSync(parts),
    Exec: exec(parts, streams),
    Attach: attach(parts, streams),
    PortForward: portForward(parts, streams),
    ContainerStats: containerStats(statsDeps),
    ListContainerStats: listContainerStats(statsDeps),
    StreamContainerStats: streamContainerStats(statsDeps, services),
    PodSandboxStats: podSandboxStats(statsDeps),
    ListPodSandboxStats: listPodSandboxStats(statsDeps),
    StreamPodSandboxStats: streamPodSandboxStats(statsDeps, services),
    GetContainerEvents: getContainerEvents(parts),
    ListMetricDescriptors: listMetricDescriptors(),
    ListPodSandboxMetrics: listPodSandboxMetrics(metricsDeps, services),
    StreamPodSandboxMetrics: streamPodSandboxMetrics(metricsDeps, services),
    ListImages: listImages(imageDeps),
    StreamImages: streamImages(imageDeps, services),
    ImageStatus: imageStatus(imageDeps),
    PullImage: pullImage(imageDeps),
    RemoveImage: removeImage(imageDeps),
    ImageFsInfo: imageFsInfo(imageDeps),
  };
}
