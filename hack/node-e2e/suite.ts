import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../test/support/node/run.ts';
import { toolFolders } from '../../test/support/node/tools.ts';
import type { TempNode } from '../../test/support/temp-node.ts';
import { parseReport, type Spec, toPattern } from '../critest/report.ts';
import { kubeletConfig } from './kubelet-config.ts';

/** Where the suite runs, and how many processes of it side by side. */
export interface SuiteSeat {
  readonly node: TempNode;
  readonly procs: number;
}

/** All specs of the suite. */
export async function listSpecs({ node }: SuiteSeat): Promise<Spec[]> {
  const { program, folder } = await prepare(node);
  const report = path.join(folder, 'list.json');
  await run(program, ['--ginkgo.dry-run', `--ginkgo.json-report=${report}`], { cwd: folder });
  return readReport(report);
}

/** Runs the named specs; those that fail get a second attempt. */
export async function runSuite({ node, procs }: SuiteSeat, names: readonly string[]): Promise<Spec[]> {
  const { program, folder, ginkgo } = await prepare(node);
  const { facts } = node;
  const config = path.join(folder, 'kubelet-config.json');
  await writeFile(config, JSON.stringify(kubeletConfig(facts), undefined, 2));
  const daemons = `${facts.cgroup}/daemons`;
  const log = openSync(path.join(folder, 'suite.log'), 'a');
  const suite = spawn(
    ginkgo,
    [
      `--procs=${procs}`,
      '--flake-attempts=2',
      '--timeout=40m',
      '--no-color',
      `--output-dir=${folder}`,
      '--json-report=report.json',
      ...names.map((name) => `--focus=${toPattern(name)}`),
      program,
      '--',
      `--container-runtime-endpoint=unix://${facts.criSocket}`,
      `--kubelet-config-file=${config}`,
      // Where their usage is looked for; the kubelet moves there by itself.
      `--kubelet-flags=--node-ip=${facts.subnet}.1 --runtime-cgroups=${daemons} --kubelet-cgroups=${daemons}`,
      '--prepull-images=false',
      `--node-name=${facts.name}`,
      `--report-dir=${path.join(folder, 'report')}`,
    ],
    { cwd: folder, env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', log, log] },
  );
  // Asked kindly, it lets every spec end first. Its processes go with the node.
  const end = (): boolean => suite.kill('SIGKILL');
  process.once('exit', end);
  await once(suite, 'exit');
  process.off('exit', end);
  return (await readReport(path.join(folder, 'report.json'))).filter(({ name }) => names.includes(name));
}

/** What a run leaves to read: what was said of each spec, and the logs of the suite's own daemons. */
export function suiteLogs(node: TempNode): string[] {
  return ['suite.log', 'report.json', 'report/kubelet.log', 'report/services.log'].map((name) => path.join(folderOf(node), name));
}

function folderOf(node: TempNode): string {
  return path.join(node.root, 'e2e');
}

/** The suite looks for the kubelet beside itself, and deletes files where it runs: so it gets a folder with copies. */
async function prepare(node: TempNode): Promise<{ readonly program: string; readonly folder: string; readonly ginkgo: string }> {
  const tools = await toolFolders('e2e-node', 'kubelet');
  const folder = folderOf(node);
  const program = path.join(folder, 'e2e_node.test');
  await mkdir(folder, { recursive: true });
  await copyFile(path.join(tools['e2e-node'], 'e2e_node'), program);
  await copyFile(path.join(tools.kubelet, 'kubelet'), path.join(folder, 'kubelet'));
  return { program, folder, ginkgo: path.join(tools['e2e-node'], 'ginkgo') };
}

async function readReport(file: string): Promise<Spec[]> {
  return parseReport(await readFile(file, 'utf8'));
}
