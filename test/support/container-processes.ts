import { readdir, readFile } from 'node:fs/promises';
import type { Container } from './cri-pod.ts';

/** The command lines of all processes in a container but its first, whoever started them. */
export async function commandsIn(container: Container): Promise<string[]> {
  const own = await container.pid();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== own);
  const cgroup = async (pid: number | string): Promise<string> => (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim();
  const wanted = await cgroup(own);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        if ((await cgroup(pid)) !== wanted) return '';
        return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    }),
  );
  return found.filter((command) => command !== '');
}
