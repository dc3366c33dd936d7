import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { commandsIn } from './container-processes.ts';
import type { CriNode } from './cri-node.ts';
import type { Container } from './cri-pod.ts';
import { eventually } from './eventually.ts';

/** Waits until nothing is left of any exec in a container: no process, for which there is a limit, no folder, no record in the shim. */
export async function untilNoExecIsLeft(cri: CriNode, container: Container, processMs?: number): Promise<void> {
  await eventually('no process is left', async () => (await commandsIn(container)).length === 0, processMs);
  const folder = path.join(cri.podwright.state, 'containers', container.id, 'exec');
  await eventually('no folder is left', async () => !existsSync(folder) || (await readdir(folder)).length === 0);
  // A line of headings, and the container's own process.
  await eventually('no record is left', async () => (await cri.node.ctr('tasks', 'ps', container.id)).trim().split('\n').length === 2);
}
