import { readFile, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { CodedError, messageOf } from '../../lib/errors.ts';
import { processArguments, processIds } from '../../linux/procfs.ts';

/** What a kubelet was told, and where. */
export interface Said {
  readonly value: string;
  /** `--container-runtime-endpoint`, `cgroupDriver in /var/lib/kubelet/config.yaml`, or `the default`. */
  readonly from: string;
}

/** A kubelet, as far as it has to agree with its runtime. */
export interface Kubelet {
  /** `kubelet (pid 4711)` */
  readonly name: string;
  readonly runtimeEndpoint: Said;
  /** Undefined where it was told none, and asks the runtime. */
  readonly cgroupDriver: Said | undefined;
}

/** One whose configuration no kubelet takes. */
export interface UnreadableKubelet {
  readonly name: string;
  readonly error: string;
}

/** A configuration file, as read. */
export interface KubeletFile {
  readonly path: string;
  readonly text: string;
}

const defaultEndpoint: Said = { value: 'unix:///run/containerd/containerd.sock', from: 'the default' };

/** The kubelets that run on this machine, each with what its flags and files say. */
export async function findKubelets(): Promise<(Kubelet | UnreadableKubelet)[]> {
  const found: (Kubelet | UnreadableKubelet)[] = [];
  for (const pid of await processIds()) {
    const args = await processArguments(pid).catch(() => undefined);
    if (args !== undefined && path.basename(args[0] ?? '') === 'kubelet') {
      found.push(readKubelet(`kubelet (pid ${pid})`, args, await filesOf(pid, args)));
    }
  }
  return found;
}

/** What a kubelet's command line and its configuration files, in the order in which it reads them, come to. Flags win over files. */
export function readKubelet(name: string, args: readonly string[], files: readonly KubeletFile[]): Kubelet | UnreadableKubelet {
  try {
    return readAll(name, args, files);
  } catch (error) {
    return { name, error: messageOf(error) };
  }
}

function readAll(name: string, args: readonly string[], files: readonly KubeletFile[]): Kubelet {
  const said = (flag: string, field: string): Said | undefined => {
    const value = flagOf(args, flag);
    if (value !== undefined) return { value, from: `--${flag}` };
    const inFiles = files.map((file) => ({ file, value: fieldOf(file, field) })).filter((one) => one.value !== undefined);
    const last = inFiles.at(-1);
    return last?.value === undefined ? undefined : { value: last.value, from: `${field} in ${last.file.path}` };
  };
  return {
    name,
    runtimeEndpoint: said('container-runtime-endpoint', 'containerRuntimeEndpoint') ?? defaultEndpoint,
    cgroupDriver: said('cgroup-driver', 'cgroupDriver'),
  };
}

/** The last value that counts, as Go's flags have it: `--name=value` or `--name value`. */
function flagOf(args: readonly string[], name: string): string | undefined {
  const values = args.flatMap((arg, i) => {
    if (arg.startsWith(`--${name}=`)) return [arg.slice(name.length + 3)];
    return arg === `--${name}` ? [args[i + 1] ?? ''] : [];
  });
  return values.at(-1);
}

/** A text in a KubeletConfiguration (kubelet.config.k8s.io/v1beta1); undefined where it is empty, as that means the default. */
function fieldOf({ path: file, text }: KubeletFile, field: string): string | undefined {
  let config: unknown;
  try {
    config = parse(text);
  } catch (error) {
    throw new CodedError('invalidArgument', `${file}: ${messageOf(error)}`, { cause: error });
  }
  if (typeof config !== 'object' || config === null) return undefined;
  const value = (config as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The files that a running kubelet was pointed to: `--config`, then the `.conf` files of `--config-dir` in order. */
async function filesOf(pid: number, args: readonly string[]): Promise<KubeletFile[]> {
  // Its root may be a container's, as with kind.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '/');
  const read = async (file: string): Promise<KubeletFile[]> => {
    const text = await readFile(path.join(`/proc/${pid}/root`, file), 'utf8').catch(() => undefined);
    return text === undefined ? [] : [{ path: file, text }];
  };
  const main = flagOf(args, 'config');
  const files = main === undefined ? [] : await read(path.resolve(cwd, main));
  const folder = flagOf(args, 'config-dir');
  if (folder === undefined) return files;
  const resolved = path.resolve(cwd, folder);
  const names = await readdir(path.join(`/proc/${pid}/root`, resolved), { recursive: true }).catch(() => []);
  const more = names.filter((name) => name.endsWith('.conf')).sort().map((name) => read(path.join(resolved, name)));
  return [...files, ...(await Promise.all(more)).flat()];
}
