import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { NodeFacts } from './facts.ts';
import { run, tryRun } from './run.ts';

/** Puts a tmpfs where the node's containerd and its first podwright will keep their state. */
export async function keepStateInMemory(facts: NodeFacts): Promise<void> {
  for (const daemon of ['c', 'p']) {
    const folder = path.join(facts.root, daemon, 'state');
    await mkdir(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'mode=711', 'podwright-state', folder]);
  }
}

/** Mount points below a node's folder, in the order in which they were made. */
export async function findMounts(facts: NodeFacts): Promise<string[]> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  return mounts
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((point) => point.startsWith(`${facts.root}/`));
}

/** Unmounts all below a node's folder. Lazily: a file that somebody holds open must not stand in the way. */
export async function removeMounts(facts: NodeFacts): Promise<void> {
  // Unmounting may uncover another mount at the same place.
  for (let tries = 0; tries < 10; tries++) {
    const points = await findMounts(facts);
    if (points.length === 0) return;
    await tryRun('umount', ['--lazy', ...points.reverse()]);
  }
}

/** mountinfo writes blanks and backslashes as octal (proc(5)). */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
