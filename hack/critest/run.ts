import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { buildImages } from '../images/build.ts';
import { pushImages } from '../images/push.ts';
import { tryRun } from '../../test/support/node/run.ts';
import { toolFolders } from '../../test/support/node/tools.ts';
import type { TempNode } from '../../test/support/temp-node.ts';
import { parseReport, type Spec, toPattern } from './report.ts';

/** The host ports that are written in critest. */
const ports = [12000, 12001, 12002, 12003];
const reportName = 'report.json';

export interface CritestOptions {
  /** Full names of specs that are not to run. */
  readonly leftOut: readonly string[];
  /** A regular expression over the names of the specs that are to run; all where empty. */
  readonly focus: string;
  readonly processes: number;
  /** What the specs of streaming speak. */
  readonly transport: 'spdy' | 'websocket';
}

/** Runs critest on a node's CRI socket, with its images in the node's registry. What it prints is passed on as it comes. */
export async function runCritest(node: TempNode, options: CritestOptions): Promise<{ readonly specs: Spec[]; readonly exitCode: number }> {
  await pushImages(await buildImages('critest'), { url: node.registry.url });
  const tools = await toolFolders('critest', 'ginkgo');
  // It leaves temporary files and, run in parallel, puts its report among them: here they go with the node.
  const folder = path.join(node.root, `critest-${options.transport}`);
  await mkdir(folder);
  const segments = await sharedMemory();
  const args = [
    `-runtime-endpoint=unix://${node.facts.criSocket}`,
    // With one process ginkgo takes the flag for that of go test, and refuses it.
    ...(options.processes > 1 ? [`-parallel=${options.processes}`] : []),
    `-ginkgo.json-report=${reportName}`,
    '-ginkgo.no-color',
    ...(options.transport === 'websocket' ? ['-websocket-exec', '-websocket-attach', '-websocket-portforward'] : []),
    ...(options.focus === '' ? [] : [`-ginkgo.focus=${options.focus}`]),
    ...options.leftOut.map((spec) => `-ginkgo.skip=${toPattern(spec)}`),
  ];
  const critest = spawn(path.join(tools.critest, 'critest'), args, {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder, PATH: `${tools.ginkgo}:${process.env['PATH'] ?? ''}` },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const end = (): boolean => critest.kill();
  process.once('exit', end);
  const [code, signal] = (await once(critest, 'exit')) as [number | null, string | null];
  process.off('exit', end);
  await removeSharedMemory(segments);
  return { specs: parseReport(await readReport(folder)), exitCode: code ?? (signal === null ? 1 : 128) };
}

/** Which of the host ports that critest uses somebody listens at. */
export async function portsInUse(): Promise<number[]> {
  const free = await Promise.all(ports.map(isFree));
  return ports.filter((_, index) => free[index] === false);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '0.0.0.0');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function readReport(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const name = names.find((each) => path.basename(each) === reportName);
  if (name === undefined) throw new Error('critest ended without a report');
  return readFile(path.join(folder, name), 'utf8');
}

/** The ids of the machine's System V shared memory segments, of the size that critest makes (1 MiB), that nobody is attached to. */
async function sharedMemory(): Promise<string[]> {
  const [, ...lines] = (await readFile('/proc/sysvipc/shm', 'utf8')).trimEnd().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , size, , , attached]) => size === '1048576' && attached === '0')
    .map(([, id]) => id ?? '');
}

/** critest makes segments with ipcmk and leaves them on the machine for good. */
async function removeSharedMemory(before: readonly string[]): Promise<void> {
  for (const id of await sharedMemory()) if (!before.includes(id)) await tryRun('ipcrm', ['--shmem-id', id]);
}
