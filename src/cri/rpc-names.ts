import type { RpcName } from './handlers.ts';

// A record, so that the compiler insists on every RPC of the contract and on no other.
const rpcs: Record<RpcName, { readonly streaming?: true; readonly polled?: true }> = {
  Version: { polled: true },
  RunPodSandbox: {},
  StopPodSandbox: {},
  RemovePodSandbox: {},
  PodSandboxStatus: { polled: true },
  ListPodSandbox: { polled: true },
  StreamPodSandboxes: { polled: true, streaming: true },
  CreateContainer: {},
  StartContainer: {},
  StopContainer: {},
  RemoveContainer: {},
  ListContainers: { polled: true },
  StreamContainers: { polled: true, streaming: true },
  ContainerStatus: { polled: true },
  UpdateContainerResources: {},
  ReopenContainerLog: {},
  ExecSync: {},
  Exec: {},
  Attach: {},
  PortForward: {},
  ContainerStats: { polled: true },
  ListContainerStats: { polled: true },
  StreamContainerStats: { polled: true, streaming: true },
  PodSandboxStats: { polled: true },
  ListPodSandboxStats: { polled: true },
  StreamPodSandboxStats: { polled: true, streaming: true },
  UpdateRuntimeConfig: {},
  Status: { polled: true },
  CheckpointContainer: {},
  CheckpointPod: {},
  RestorePod: {},
  GetContainerEvents: { streaming: true },
  ListMetricDescriptors: { polled: true },
  ListPodSandboxMetrics: { polled: true },
  StreamPodSandboxMetrics: { polled: true, streaming: true },
  RuntimeConfig: { polled: true },
  UpdatePodSandboxResources: {},
  ListImages: { polled: true },
  StreamImages: { polled: true, streaming: true },
  ImageStatus: { polled: true },
  PullImage: {},
  RemoveImage: {},
  ImageFsInfo: { polled: true },
};

/** Every RPC of both services, in the contract's order. */
export const rpcNames = Object.keys(rpcs) as readonly RpcName[];

/** Whether an RPC answers with a stream of messages. */
export function isStreaming(name: RpcName): boolean {
  return rpcs[name].streaming === true;
}

/** Whether clients ask an RPC over and over; what it refuses is then not worth a line at info. */
export function isPolled(name: RpcName): boolean {
  return rpcs[name].polled === true;
}
