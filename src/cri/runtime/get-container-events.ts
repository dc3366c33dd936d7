import type { ContainerEventResponse } from '../../types/cri/runtime/v1/ContainerEventResponse.ts';
import { Container } from '../../pod/container.ts';
import type { PodEvents, ToldEvent } from '../../pod/events.ts';
import { Sandbox } from '../../pod/sandbox.ts';
import type { RpcHandlers } from '../handlers.ts';
import { toContainerStatus } from './container-message.ts';
import { toPodSandboxStatus } from './sandbox-message.ts';

/**
 * GetContainerEvents: what happens from the call on, for as long as the client listens. The stream never ends by
 * itself while podwright serves: after five ends, clean ones too, a kubelet stops asking until it is restarted.
 */
export function getContainerEvents({ events }: { readonly events: PodEvents }): RpcHandlers['GetContainerEvents'] {
  return async (_request, { signal }, send) => {
    const reader = events.subscribe();
    try {
      for (;;) await send(toEvent(await reader.next(signal)));
    } finally {
      reader.close();
    }
  };
}

/** An event as the CRI tells it: with the Pod's status then and its containers', the newest first. */
export function toEvent(event: ToldEvent): ContainerEventResponse {
  const newestFirst = event.containers.toSorted((a, b) => (BigInt(a.record.createdAtNs) < BigInt(b.record.createdAtNs) ? 1 : -1));
  return {
    containerId: event.id,
    containerEventType: event.type,
    createdAt: String(event.atNs),
    podSandboxStatus: event.sandbox === undefined ? null : toPodSandboxStatus(new Sandbox(event.sandbox)),
    containersStatuses: newestFirst.map(({ record, status }) => toContainerStatus(new Container(record, status))),
  };
}
