import type { ContainerStatus, Pod } from '../../test/support/node/kubelet.ts';

/** Whether the kubelet says that the Pod is Ready. */
export function isReady(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

interface ContainerSpec {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly kind: 'init' | 'sidecar' | 'container';
}

/** The containers that a Pod's manifest asks for, in its order, which is that of their start. */
export function containerSpecs(pod: Pod): readonly ContainerSpec[] {
  const { initContainers = [], containers = [] } = (pod.spec ?? {}) as Record<string, Omit<ContainerSpec, 'kind'>[] | undefined>;
  return [
    ...initContainers.map((each) => ({ ...each, kind: each.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const) })),
    ...containers.map((each) => ({ ...each, kind: 'container' as const })),
  ];
}

/** The states of a Pod's containers in the order of its manifest; the kubelet sorts them by name. */
export function containersOf(pod: Pod | undefined): readonly (ContainerStatus & { readonly kind: ContainerSpec['kind'] })[] {
  if (pod === undefined) return [];
  const states = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return containerSpecs(pod).flatMap(({ name, kind }) => {
    const state = states.find((each) => each.name === name);
    return state === undefined ? [] : [{ ...state, kind }];
  });
}

/** A container's state in a few words. */
export function describeState({ state, ready }: ContainerStatus): string {
  if (state?.running !== undefined) return ready ? 'running and ready' : 'running';
  if (state?.terminated !== undefined) {
    const { reason, exitCode } = state.terminated;
    return exitCode === 0 && reason === 'Completed' ? 'completed' : `ended with ${exitCode} (${reason ?? 'no reason'})`;
  }
  return `waiting (${state?.waiting?.reason ?? 'no reason'})`;
}

/** What is to be told of a Pod, by subject: a line is new when its subject's words have changed. */
export function describePod(pod: Pod | undefined): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  if (pod === undefined) return words;
  const ip = pod.status?.podIP ?? '';
  if (ip !== '') words.set('Pod', `has the IP ${ip}`);
  for (const container of containersOf(pod)) {
    // Everything waits for its turn; that is no news.
    if (['PodInitializing', 'ContainerCreating', undefined].includes(container.state?.waiting?.reason) && !isStarted(container)) continue;
    words.set(container.name, describeState(container));
  }
  if (isReady(pod)) words.set('kubelet', 'says the Pod is Ready');
  return words;
}

function isStarted({ state }: ContainerStatus): boolean {
  return state?.running !== undefined || state?.terminated !== undefined;
}

/** The subjects whose words are new in `after`. */
export function news(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): [string, string][] {
  return [...after].filter(([subject, words]) => before.get(subject) !== words);
}
