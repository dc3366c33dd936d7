import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxImage } from '../../hack/images/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import type { ContainerStatus, Pod } from '../support/node/kubelet.ts';
import type { TempNode } from '../support/temp-node.ts';

/** A container spec, as far as these tests use one. */
export interface ContainerSpec {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** A busybox container that runs a shell script. As PID 1 a shell has no default for TERM, so it gets a trap. */
export function shellContainer(name: string, script: string, fields: object = {}): ContainerSpec {
  return { name, image: busyboxImage, command: ['sh', '-c', `trap 'exit 0' TERM; ${script}`], ...fields };
}

/** Keeps a shell container alive until it is told to end. */
export const stayAlive = 'while :; do sleep 1 & wait $!; done';

/** A script that gives back what comes at a port, and line by line what comes on stdin. */
export const answering = (port: number): string => `nc -ll -p ${port} -e cat & while read x; do echo "<$x>"; done; ${stayAlive}`;

/** A Pod of these containers with one volume, which all of them see as /shared. */
export function podOf(
  name: string,
  parts: { readonly init?: readonly ContainerSpec[]; readonly main: readonly ContainerSpec[]; readonly spec?: object },
): Pod {
  const mounted = (all: readonly ContainerSpec[]): object[] =>
    all.map((each) => ({ volumeMounts: [{ name: 'shared', mountPath: '/shared' }], ...each }));
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 2,
      volumes: [{ name: 'shared', emptyDir: {} }],
      initContainers: mounted(parts.init ?? []),
      containers: mounted(parts.main),
      ...parts.spec,
    },
  };
}

export function isReady(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Waits until the kubelet says Ready. */
export async function untilReady(node: TempNode, name: string): Promise<Pod> {
  const pod = await node.kubelet.untilPod(name, 'Ready', isReady);
  assert.ok(pod);
  return pod;
}

/** The state of one container; fails where the kubelet knows none of that name. */
export function statusOf(pod: Pod | undefined, container: string): ContainerStatus {
  const found = findStatus(pod, container);
  assert.ok(found, `the kubelet knows no container ${container}: ${JSON.stringify(pod?.status)}`);
  return found;
}

/** The state of one container, of whatever kind; undefined where the kubelet has told none yet. */
export function findStatus(pod: Pod | undefined, container: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod?.status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(({ name }) => name === container);
}

/** The ids and restart counts of a Pod's containers: what must not change when anything but the Pod restarts. */
export function incarnations(pod: Pod): object[] {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return all.map(({ name, containerID, restartCount }) => ({ name, containerID, restartCount }));
}

/** A log record as the kubelet reads it (CRI log format). */
export interface LogRecord {
  readonly time: string;
  readonly stream: string;
  readonly text: string;
}

/** Reads the log file of one run of a container; fails on a line that is not in the CRI's format. */
export async function readLog(node: TempNode, pod: Pod, container: string, attempt = 0): Promise<LogRecord[]> {
  const { name, namespace, uid } = pod.metadata;
  const file = path.join(node.kubelet.podLogsFolder, `${namespace}_${name}_${uid}`, container, `${attempt}.log`);
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => {
    const [, time = '', stream = '', text = ''] = /^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) F (.*)$/.exec(line) ?? [];
    assert.notEqual(time, '', `not a line of a CRI log: ${JSON.stringify(line)}`);
    return { time, stream, text };
  });
}

/** The id of a container as podwright gives it. */
export function idOf(pod: Pod, container: string): string {
  return (statusOf(pod, container).containerID ?? '').replace(/^.*:\/\//, '');
}

/** The containers that podwright has of a Pod's container name, the newest first, as crictl lists them. */
export async function listContainers(node: TempNode, name: string): Promise<{ readonly id: string; readonly state: string }[]> {
  const { containers } = JSON.parse(await node.crictl('ps', '--all', '--name', `^${name}$`, '--output', 'json')) as {
    containers?: { id: string; state: string }[];
  };
  return containers ?? [];
}

/** Takes a Pod's manifest away and waits until the kubelet has ended it. */
export async function removePod(node: TempNode, name: string): Promise<void> {
  await node.kubelet.removePod(name);
  await untilEnded(node, name);
}

/** Waits until the kubelet knows a Pod no longer, which it says at once, and has had its sandbox stopped. */
export async function untilEnded(node: TempNode, name: string): Promise<void> {
  await node.kubelet.untilPod(name, 'gone', (pod) => pod === undefined);
  await eventually(`sandbox of ${name} is stopped`, async () => !(await readySandboxes(node)).includes(`${name}-${node.facts.name}`), 60_000);
}

/** The names of the Pods that have a sandbox which is ready. */
export async function readySandboxes(node: TempNode): Promise<string[]> {
  const { items } = JSON.parse(await node.crictl('pods', '--state', 'Ready', '--output', 'json')) as { items: { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}

/** Waits until the kubelet, which collects ended sandboxes once a minute, has had everything of its Pods removed. */
export async function untilNothingIsLeft(node: TempNode): Promise<void> {
  let left: string[] = [];
  await eventually(() => `nothing left of the Pods; still there: ${left.join('; ')}`, async () => {
    left = await node.leaks();
    // Looking costs a dozen processes, and the wait is long.
    if (left.length > 0) await sleep(500);
    return left.length === 0;
  }, 90_000);
}

/** Ends the Pods that a file's tests left, removes what the kubelet would collect within a minute, and demands a clean node and log. */
export async function endNode(node: TempNode, ...pods: readonly string[]): Promise<void> {
  try {
    await Promise.all(pods.map((name) => removePod(node, name)));
    await node.crictl('rmp', '--all', '--force');
    await untilNothingIsLeft(node);
    // Whatever these tests do, nothing of it may be an error in podwright itself (pino's level 50).
    const log = await readFile(node.podwright.logPath, 'utf8');
    assert.deepEqual(log.split('\n').filter((line) => line.includes('"level":50')), []);
  } finally {
    await node.stop();
  }
}
