import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Kubelet, type KubeletFile, readKubelet, type UnreadableKubelet } from './kubelet.ts';

/** What kubeadm writes, with which its unit starts the kubelet. */
const configFile = '/var/lib/kubelet/config.yaml';
/** The environment files of that unit, in the order in which their flags stand on the command line. */
const environmentFiles = ['/var/lib/kubelet/kubeadm-flags.env', '/etc/default/kubelet', '/etc/sysconfig/kubelet'];

/**
 * The kubelet as kubeadm configured it below `root`, for when none runs: one that finds no runtime at its socket ends
 * within a second, and is not there to be looked at. Undefined on a node that kubeadm has not set up.
 */
export async function findConfiguredKubelet(root = '/'): Promise<Kubelet | UnreadableKubelet | undefined> {
  const config = await fileOf(root, configFile);
  if (config === undefined) return undefined;
  const environments = await Promise.all(environmentFiles.map((file) => fileOf(root, file)));
  const args = environments.flatMap((file) => (file === undefined ? [] : flagsOf(file.text)));
  return readKubelet('kubelet that kubeadm configured', ['kubelet', ...args], [config]);
}

/** The flags in an environment file (systemd.exec(5)), as the kubelet's unit takes them: split at spaces. */
function flagsOf(text: string): string[] {
  const values = [...text.matchAll(/^\s*KUBELET_(?:KUBEADM|EXTRA)_ARGS=(.*)$/gmu)].map(([, value = '']) => value.trim());
  return values.flatMap((value) => value.replace(/^(["'])(.*)\1$/u, '$2').split(/\s+/u)).filter((flag) => flag !== '');
}

async function fileOf(root: string, file: string): Promise<KubeletFile | undefined> {
  const text = await readFile(path.join(root, file), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : { path: file, text };
}
