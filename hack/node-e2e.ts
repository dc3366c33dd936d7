// make node-e2e: runs Kubernetes' node suite against a node of its own, and fails when a spec ends otherwise than
// docs/conformance.md says.
//   node-e2e.ts [--runtime=podwright|containerd] [--part=I/N] [--focus=REGEXP] [--procs=N] [--logs=FOLDER]
// The suite's API server and kubelet have fixed ports and folders, and would have the whole machine for themselves.
// So it runs in network, mount, IPC and cgroup namespaces of its own, which go with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { makeNamespaceRoot, removeCgroup } from '../test/support/node/cgroups.ts';
import { toolFolders } from '../test/support/node/tools.ts';
import { buildImages } from './images/build.ts';

// From in there no source can be had.
console.error('building what tools and images are not there yet ...');
await toolFolders('containerd', 'runc', 'cni', 'crictl', 'kubelet', 'e2e-node');
await Promise.all([buildImages(), buildImages('nodeSuite')]);

// Something can be mounted only where there is something; what is written there does not get out.
const isNew = !existsSync('/var/lib/kubelet');

const cgroup = `/node-e2e-${process.pid}`;
const groups = await makeNamespaceRoot(cgroup);

const inside = path.join(import.meta.dirname, 'node-e2e/inside.ts');
const suite = [process.execPath, '--import', 'tsx', inside, ...process.argv.slice(2)];
const unshare = ['unshare', '--cgroup', '--net', '--ipc', '--mount', '--propagation', 'slave'];
// The groups that it is in when the namespace is made are what it will see as the roots of all groups.
const command = [...within(groups.map(({ root }) => root)), ...unshare, ...within(groups.map(({ processes }) => processes)), ...suite];
const child = spawn(command[0] ?? '', command.slice(1), { stdio: 'inherit' });
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
const [code] = (await once(child, 'exit')) as [number | null];
await removeCgroup({ cgroup });
if (isNew) await rmdir('/var/lib/kubelet').catch(() => {});
process.exitCode = code ?? 1;

/** The beginning of a command whose rest is run in these groups. */
function within(folders: readonly string[]): string[] {
  const join = folders.map((folder) => `echo $$ > '${folder}/cgroup.procs' && `).join('');
  return ['/bin/sh', '-c', `${join}exec "$0" "$@"`];
}
