import { messageOf } from '../lib/errors.ts';
import { toCriResources } from '../spec/resources.ts';
import { readSpec } from './anys.ts';
import { discardTask } from './discard.ts';
import { readContainerExtensions } from './container-records.ts';
import { endedStatus, writeStatus } from './container-status.ts';
import { openOutput } from './container-output.ts';
import { Container, createdStatus } from './container.ts';
import { kindLabel } from './cri-labels.ts';
import { deleteEndedTask, recordExit } from './exits.ts';
import { noteOomKills } from './oom-kills.ts';
import { recoverOwed } from './owed.ts';
import type { Parts } from './parts.ts';
import type { StoredContainer, TaskProcess } from './ports.ts';
import { recoverSandbox } from './recover-sandbox.ts';
import { sweep } from './sweep.ts';

/**
 * Brings memory in step with what survived: podwright's records, containerd's records and tasks, and the
 * kernel's namespaces. After a crash of podwright nothing of a Pod has changed but what happened meanwhile;
 * after a reboot only the records are left, and the sandboxes are NOTREADY with their network still to be
 * released. Runs before the socket opens. What cannot be read is reported and left out, never fatal.
 */
export async function recover(parts: Parts): Promise<void> {
  const { containerd } = parts;
  const [stored, pauses, tasks, ids, owedIds] = await Promise.all([
    containerd.containers.list([`labels."${kindLabel}"==container`]),
    containerd.containers.list([`labels."${kindLabel}"==sandbox`]),
    containerd.tasks.list(),
    parts.sandboxRecords.ids(),
    parts.owedRecords.ids(),
  ]);
  const taskOf = new Map(tasks.map((task) => [task.containerId, task]));
  await eachOf(parts, ids, 'pod sandbox', (id) => recoverSandbox(parts, id, taskOf.get(id)));
  const owed = new Set(owedIds);
  await eachOf(parts, owedIds, 'failed creation', async (id) => {
    if (!(await recoverOwed(parts, id))) owed.delete(id);
  });
  const made = stored.filter(({ id }) => !owed.has(id));
  await eachOf(
    parts,
    made.map((one) => one.id),
    'container',
    (id) => recoverContainer(parts, made.find((one) => one.id === id), taskOf.get(id)),
  );
  await Promise.all([...parts.sandboxes.values()].map((sandbox) => noteOomKills(parts, sandbox)));
  await sweep(parts, { containers: stored, pauses });
  const running = [...parts.containers.values()].filter((one) => one.state === 'CONTAINER_RUNNING').length;
  parts.log.info(
    { podSandboxes: parts.sandboxes.size, containers: parts.containers.size, running },
    'recovered what was there',
  );
}

/** Recovers many things side by side; one that fails is reported and keeps none of the others. */
async function eachOf(parts: Parts, ids: readonly string[], what: string, act: (id: string) => Promise<void>): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      try {
        await act(id);
      } catch (error) {
        parts.log.error({ id, error: messageOf(error) }, `a ${what} could not be recovered`);
      }
    }),
  );
}

async function recoverContainer(
  parts: Parts,
  stored: StoredContainer | undefined,
  task: TaskProcess | undefined,
): Promise<void> {
  if (stored === undefined) return;
  const record = readContainerExtensions(parts.containerConfigs, stored);
  const written = await parts.containerRecords.read(record.id);
  const container = new Container(record, written ?? createdStatus(null));
  if (container.state === 'CONTAINER_CREATED') {
    // What it will be started with.
    container.become({ ...container.status, resources: toCriResources(readSpec(stored.spec)) });
  }
  await settle(parts, container, task);
  parts.containers.add(container);
  parts.containerNames.hold(record.name, record.id);
}

/** Makes a container's state agree with its task: what is written is what was known when podwright ended. */
async function settle(parts: Parts, container: Container, task: TaskProcess | undefined): Promise<void> {
  const { state } = container;
  if (state === 'CONTAINER_EXITED' || state === 'CONTAINER_UNKNOWN') {
    if (task !== undefined && state === 'CONTAINER_EXITED') container.cleanup = deleteEndedTask(parts, container.id);
    return;
  }
  if (task === undefined) {
    if (state !== 'CONTAINER_RUNNING') return;
    await resumeOutput(parts, container);
    return await recordExit(parts, container, undefined);
  }
  if (task.status === 'created' || task.status === 'unknown') return await abandonStart(parts, container);
  if (state === 'CONTAINER_CREATED') {
    const startedAtNs = parts.clock.nowNs().toString();
    await writeStatus(parts, container, (status) => ({ ...status, pid: task.pid, startedAtNs }));
  }
  await resumeOutput(parts, container);
  if (task.status === 'stopped') await recordExit(parts, container, task);
  else parts.exits.watch(container);
}

/**
 * Reads on where the last podwright ended: the FIFOs kept what was written meanwhile. They are gone after a reboot,
 * and a log may have become unusable; the container is there all the same.
 */
async function resumeOutput(parts: Parts, container: Container): Promise<void> {
  try {
    await openOutput(parts, container);
  } catch (error) {
    parts.log.warn({ containerId: container.id, error: messageOf(error) }, 'the output of a container cannot be read on');
  }
}

/** podwright ended between creating and starting the task: nothing of the container has run yet. */
async function abandonStart(parts: Parts, container: Container): Promise<void> {
  await discardTask(parts.containerd, container.id);
  const nowNs = parts.clock.nowNs();
  await writeStatus(parts, container, (status) => ({
    ...endedStatus(status, {
      exitCode: 128,
      finishedAtNs: nowNs,
      reason: 'StartError',
      message: 'podwright ended while it was starting this container',
    }),
    startedAtNs: nowNs.toString(),
  }));
}
