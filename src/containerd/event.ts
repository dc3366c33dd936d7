import type { Envelope__Output } from '../types/containerd/containerd/types/Envelope.ts';
import { fromWireAny } from './any.ts';
import { toNs } from './timestamp.ts';
import type { TypeUrls } from './typeurl.ts';

/** What every event has: containerd's topic and when it happened. */
interface Happened {
  readonly topic: string;
  readonly atNs: bigint;
}

/**
 * Something that happened in containerd, told apart by `type`. An `execId` is empty for the init process.
 * Around a deletion events come in any order or not at all: see `Tasks.delete`.
 */
export type ContainerdEvent = Happened &
  (
    | {
        readonly type: 'taskExit';
        readonly containerId: string;
        readonly execId: string;
        readonly pid: number;
        readonly exitStatus: number;
        readonly exitedAtNs: bigint;
      }
    | { readonly type: 'taskOom'; readonly containerId: string }
    | { readonly type: 'taskCreate'; readonly containerId: string; readonly pid: number }
    | { readonly type: 'taskStart'; readonly containerId: string; readonly pid: number }
    | {
        readonly type: 'taskDelete';
        readonly containerId: string;
        readonly execId: string;
        readonly pid: number;
        readonly exitStatus: number;
        readonly exitedAtNs: bigint;
      }
    | { readonly type: 'containerCreate' | 'containerUpdate' | 'containerDelete'; readonly containerId: string }
    | { readonly type: 'imageCreate' | 'imageUpdate' | 'imageDelete'; readonly name: string }
    | { readonly type: 'contentCreate'; readonly digest: string }
    | { readonly type: 'other' }
  );

/** Reads an event; one of a topic that nobody here waits for is `other`. `dataLoss` when it is broken. */
export function toEvent(types: TypeUrls, envelope: Envelope__Output): ContainerdEvent {
  const any = fromWireAny(envelope.event);
  const happened = { topic: envelope.topic, atNs: toNs(envelope.timestamp) };
  switch (envelope.topic) {
    case '/tasks/exit': {
      const { containerId, id, ...exit } = types.decode('containerd.events.TaskExit', any);
      return { ...happened, type: 'taskExit', ...process(containerId, id), ...exitOf(exit) };
    }
    case '/tasks/delete': {
      const { containerId, id, ...exit } = types.decode('containerd.events.TaskDelete', any);
      return { ...happened, type: 'taskDelete', ...process(containerId, id), ...exitOf(exit) };
    }
    case '/tasks/oom':
      return { ...happened, type: 'taskOom', containerId: types.decode('containerd.events.TaskOOM', any).containerId };
    case '/tasks/create': {
      const { containerId, pid } = types.decode('containerd.events.TaskCreate', any);
      return { ...happened, type: 'taskCreate', containerId, pid };
    }
    case '/tasks/start': {
      const { containerId, pid } = types.decode('containerd.events.TaskStart', any);
      return { ...happened, type: 'taskStart', containerId, pid };
    }
    case '/containers/create':
      return { ...happened, type: 'containerCreate', containerId: types.decode('containerd.events.ContainerCreate', any).id };
    case '/containers/update':
      return { ...happened, type: 'containerUpdate', containerId: types.decode('containerd.events.ContainerUpdate', any).id };
    case '/containers/delete':
      return { ...happened, type: 'containerDelete', containerId: types.decode('containerd.events.ContainerDelete', any).id };
    case '/images/create':
      return { ...happened, type: 'imageCreate', name: types.decode('containerd.services.images.v1.ImageCreate', any).name };
    case '/images/update':
      return { ...happened, type: 'imageUpdate', name: types.decode('containerd.services.images.v1.ImageUpdate', any).name };
    case '/images/delete':
      return { ...happened, type: 'imageDelete', name: types.decode('containerd.services.images.v1.ImageDelete', any).name };
    case '/content/create':
      return { ...happened, type: 'contentCreate', digest: types.decode('containerd.events.ContentCreate', any).digest };
    default:
      return { ...happened, type: 'other' };
  }
}

// Exits name the init process by its container's id, deletions by no id at all.
function process(containerId: string, id: string): { containerId: string; execId: string } {
  return { containerId, execId: id === containerId ? '' : id };
}

function exitOf(exit: { pid: number; exitStatus: number; exitedAt: Parameters<typeof toNs>[0] }): {
  pid: number;
  exitStatus: number;
  exitedAtNs: bigint;
} {
  return { pid: exit.pid, exitStatus: exit.exitStatus, exitedAtNs: toNs(exit.exitedAt) };
}
