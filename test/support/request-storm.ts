import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { anyRequests, overlaid, resolved, type AnyRequests } from './any-request.ts';
import type { CriClient } from './cri-client.ts';

/** One request of a storm. `$pod`, `$container`, `$image`, `$folder`, `$cgroup` and `$fresh` in it are filled in when it is sent. */
export interface StormCall {
  readonly rpc: string;
  readonly request: object;
}

/** What a storm is let loose on. */
export interface StormTarget {
  readonly client: CriClient;
  /** An image that is there. */
  readonly image: string;
  /** A folder of the tests' own, for whatever requests name on the host; see `fillFolder`. */
  readonly folder: string;
  /** A cgroup likewise. */
  readonly cgroup: string;
}

const digest = `sha256:${'0'.repeat(64)}`;
const paths = ['$folder', '$folder/file', '$folder/new', '$folder/file/below', 'relative', '/\0', '$folder/../../..$folder'];
const ids = ['$pod', '$container', '$pod', '$container', '0', 'f'.repeat(64)];

/** By names of fields: what is often right, and what is often wrong. */
const texts = {
  pod_sandbox_id: ['$pod', '$pod', '$pod', '$container', 'f', digest],
  container_id: ['$container', '$container', '$container', '$pod', 'f', digest],
  target_id: ids,
  id: ids,
  name: ['$fresh', '$fresh', 'a', 'a;b', '../a', 'vendor.test/class=name'],
  namespace: ['n', 'a;b'],
  uid: ['u', '$fresh'],
  image: ['$image', '$image', 'registry.test/none:1', digest, digest.slice(7), 'UPPER/case', 'a@sha256:1'],
  runtime_handler: ['runc', 'kata'],
  host_path: paths,
  container_path: ['/data', '/dev/null', '/etc/hosts', '/dev/shm', '/', 'data', '/a/../..', '/\0'],
  image_sub_path: ['etc', 'missing', '../up', '/etc'],
  log_directory: ['$folder/logs', 'relative', '$folder/file', '/\0'],
  log_path: ['a.log', 'a/0.log', '../up.log', '\0', '/a'],
  working_dir: ['/', '/tmp', 'tmp', '/etc/passwd', '\0'],
  cgroup_parent: ['', '', '$cgroup', '/pw-storm.slice'],
  localhost_ref: ['$folder/file', '$folder/new', 'p.json', '/\0', 'localhost/x'],
  seccomp_profile_path: ['unconfined', 'runtime/default', 'localhost/$folder/file', 'localhost/x', 'x'],
  apparmor_profile: ['unconfined', 'runtime/default', 'localhost/x', 'x'],
  'sysctls key': ['net.core.somaxconn', 'kernel.shm_rmid_forced', 'kernel.panic', 'net.ipv4.no_such', 'net/../kernel/panic'],
  sysctls: ['1', '100', 'x', '1\n2'],
  'annotations key': [
    'kubernetes.io/ingress-bandwidth',
    'cdi.k8s.io/x',
    'io.kubernetes.cri.rdt-class',
    'io.kubernetes.cri.blockio-class',
  ],
  annotations: ['10M', '1', 'fast', 'vendor.test/class=name', 'gold'],
  add_capabilities: ['ALL', 'NET_ADMIN', 'CAP_CHOWN', 'FLY'],
  drop_capabilities: ['ALL', 'net_raw', 'FLY'],
  add_ambient_capabilities: ['ALL', 'NET_ADMIN', 'FLY'],
  permissions: ['rwm', 'r', 'rx'],
  mount_options: ['noexec', 'nodev', 'exec'],
  cmd: ['true', 'false', 'no-such-program'],
  run_as_username: ['root', 'nobody-here', '0', '-1'],
  cpuset_cpus: ['0', '0-1', '99', 'x'],
  cpuset_mems: ['0', '99', 'x'],
  page_size: ['2MB', '1GB', '3MB'],
  server_address: ['registry.test', 'https://registry.test/v1', '::'],
  hostname: ['web', 'a b', 'x'.repeat(65)],
  masked_paths: ['/proc/keys', '/no/such', 'keys'],
  readonly_paths: ['/proc/sys', '/no/such', 'sys'],
  host_ip: ['127.0.0.1', '::1', 'x'],
  servers: ['10.0.0.10', 'a b'],
  searches: ['a.test', ''],
  location: ['$folder/checkpoint'],
  output_path: ['$folder/checkpoint'],
  checkpoint_path: ['$folder/checkpoint'],
  command: ['sleep', 'true', 'no-such-program', 'a\0b'],
  args: ['1000', '', 'a\0b'],
  'unified key': ['memory.high', 'memory.min', '../up', 'x'],
  unified: ['max', '0', 'x'],
  level: ['s0:c1,c2', 'c1'],
};

const range = { hostId: 100_000, containerId: 0, length: 65_536 };
const late = { ...range, hostId: 2 ** 32 - 10 };
const userns = (one: typeof range) => ({ mode: 'POD', uids: [one], gids: [one] });

/** Whole messages and numbers: mostly right, so that it takes all steps until something else is found to be wrong. */
const wholes = {
  userns_options: [userns(range), userns(range), userns(late), { mode: 'NODE' }, { mode: 'POD', uids: [range, range], gids: [range] }],
  mounts: [
    { containerPath: '/data', hostPath: '$folder' },
    { containerPath: '/file', hostPath: '$folder/file', readonly: true },
    { containerPath: '/made', hostPath: '$folder/new' },
    { containerPath: '/all', hostPath: '$folder', readonly: true, recursiveReadOnly: true },
    { containerPath: '/later', hostPath: '$folder', propagation: 'PROPAGATION_HOST_TO_CONTAINER' },
    { containerPath: '/mapped', hostPath: '$folder', uidMappings: [range], gidMappings: [range] },
    { containerPath: '/mapped', hostPath: '$folder', uidMappings: [range] },
    { containerPath: '/image', image: { image: '$image' } },
    { containerPath: '/part', image: { image: '$image' }, imageSubPath: 'etc' },
    { containerPath: '/missing', image: { image: '$image' }, imageSubPath: 'missing' },
  ],
  devices: [
    { containerPath: '/dev/mine', hostPath: '/dev/null', permissions: 'rw' },
    { containerPath: '/dev/mine', hostPath: '$folder/file' },
  ],
  envs: [{ key: 'A', value: Buffer.from('1') }, { key: 'B', value: Buffer.from([0xff]) }, { key: 'C', value: Buffer.from([0]) }],
  seccomp: [
    { profileType: 'RuntimeDefault' },
    { profileType: 'Localhost', localhostRef: '$folder/profile.json' },
    { profileType: 'Localhost', localhostRef: '$folder/fifo' },
  ],
  port_mappings: [{ containerPort: 80 }, { containerPort: 80, hostPort: 70_000 }],
  run_as_user: [{ value: '0' }, { value: '1000' }, { value: '4294967295' }],
  run_as_group: [{ value: '1000' }],
  supplemental_groups: ['8', '-1'],
  timeout: ['0', '1'],
  cpu_period: ['100000'],
  cpu_quota: ['50000', '-1'],
  cpu_shares: ['2', '512'],
  memory_limit_in_bytes: [String(2 ** 28)],
  memory_swap_limit_in_bytes: [String(2 ** 28), '1'],
  oom_score_adj: ['0', '500'],
};

/** Fields that name something on the machine: the tests are to touch what is theirs only. */
const only = ['host_path', 'log_directory', 'cgroup_parent', 'localhost_ref', 'seccomp_profile_path', 'location', 'output_path', 'checkpoint_path'];

const ownPids = { linux: { securityContext: { namespaceOptions: { pid: 'CONTAINER' } } } };

/** What a request is laid over most of the time, so that it gets past the first check. */
const bases: Readonly<Record<string, object>> = {
  RunPodSandbox: {
    config: { metadata: { name: '$fresh', namespace: 'n', uid: '$fresh' }, logDirectory: '$folder/logs', ...ownPids },
  },
  CreateContainer: {
    podSandboxId: '$pod',
    config: { metadata: { name: '$fresh' }, image: { image: '$image' }, command: ['sleep', '1000'], logPath: '$fresh.log', ...ownPids },
  },
  UpdateContainerResources: { containerId: '$container', linux: {} },
  ExecSync: { containerId: '$container', cmd: ['true'], timeout: '1' },
  PullImage: { image: { image: '$image' } },
  ImageStatus: { image: { image: '$image' } },
};

/** Those that other requests live on come more often. */
const weights: Readonly<Record<string, number>> = { RunPodSandbox: 8, CreateContainer: 12, StartContainer: 6 };

/** How long a call may take, ms, where it may well take for ever. */
const patience: Readonly<Record<string, number>> = { ExecSync: 1_500, StopContainer: 300, GetContainerEvents: 20, PullImage: 5_000 };

/** A number of requests to any RPCs. */
export function anyStorm(calls: { readonly min: number; readonly max: number }): fc.Arbitrary<StormCall[]> {
  const requests = anyRequests({ texts, wholes, only });
  const all = requests.rpcs.map((rpc) => ({ arbitrary: anyCall(requests, rpc), weight: weights[rpc] ?? 1 }));
  return fc.array(fc.oneof(...all), { minLength: calls.min, maxLength: calls.max });
}

/** Most requests have one or two things that the base has not, some have many, and a few have no base. */
function anyCall(requests: AnyRequests, rpc: string): fc.Arbitrary<StormCall> {
  const base = bases[rpc] ?? { podSandboxId: '$pod', containerId: '$container' };
  const over = (rarity: number): fc.Arbitrary<object> => requests.any(rpc, rarity).map((request) => overlaid(base, request));
  return fc
    .oneof({ arbitrary: over(30), weight: 6 }, { arbitrary: over(8), weight: 2 }, { arbitrary: requests.any(rpc, 8), weight: 1 })
    .map((request) => ({ rpc, request }));
}

/** Makes what requests of a storm name in its folder. */
export async function fillFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'file'), '');
  await writeFile(path.join(folder, 'profile.json'), JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW' }));
  execFileSync('mkfifo', [path.join(folder, 'fifo')]);
}

/** How one request of a storm ended. */
export interface StormAnswer extends StormCall {
  readonly code: status;
  readonly details: string;
}

// Two Pods and a container for the others to begin with.
const opening: readonly StormCall[] = ['RunPodSandbox', 'RunPodSandbox', 'CreateContainer', 'StartContainer'].map((rpc) => ({
  rpc,
  request: bases[rpc] ?? { containerId: '$container' },
}));

/** The ids that requests have given, in turn; those of what is there much more often than those of what has gone. */
class KnownIds {
  #there: string[] = [];
  readonly #all: string[] = [];
  #turn = 0;

  add(id: string): void {
    this.#there.push(id);
    this.#all.push(id);
  }

  delete(id: unknown): void {
    this.#there = this.#there.filter((one) => one !== id);
  }

  next(): string {
    this.#turn += 1;
    const from = this.#turn % 8 === 0 || this.#there.length === 0 ? this.#all : this.#there;
    return from[this.#turn % Math.max(1, from.length)] ?? 'e'.repeat(64);
  }
}

/** Sends the requests after an opening that succeeds, a few side by side. Resolves to how each ended. */
export async function letLoose(target: StormTarget, calls: readonly StormCall[]): Promise<StormAnswer[]> {
  const [pods, containers] = [new KnownIds(), new KnownIds()];
  let serial = 0;
  const names = (text: string): string =>
    text.replace(/\$(pod|container|image|folder|cgroup|fresh)\b/g, (_whole, what: string) => {
      if (what === 'fresh') return `s${++serial}`;
      if (what === 'image') return target.image;
      if (what === 'folder') return target.folder;
      if (what === 'cgroup') return target.cgroup;
      return (what === 'pod' ? pods : containers).next();
    });
  const sendOne = async ({ rpc, request }: StormCall): Promise<StormAnswer> => {
    const filled = resolved(request, names) as Record<string, unknown>;
    const { code, details, response } = await send(target.client, rpc, filled);
    if (typeof response['podSandboxId'] === 'string' && rpc === 'RunPodSandbox') pods.add(response['podSandboxId']);
    if (typeof response['containerId'] === 'string' && rpc === 'CreateContainer') containers.add(response['containerId']);
    if (['StopPodSandbox', 'RemovePodSandbox'].includes(rpc)) pods.delete(filled['podSandboxId']);
    if (rpc === 'RemoveContainer') containers.delete(filled['containerId']);
    return { rpc, request: filled, code, details };
  };
  const answers: StormAnswer[] = [];
  for (const call of opening) answers.push(await sendOne(call));
  for (let at = 0; at < calls.length; at += sideBySide) answers.push(...(await Promise.all(calls.slice(at, at + sideBySide).map(sendOne))));
  return answers;
}

const sideBySide = 4;

const streaming = /^(?:Stream|GetContainerEvents)/;

async function send(client: CriClient, rpc: string, request: object): ReturnType<CriClient['call']> {
  const deadline = Date.now() + (patience[rpc] ?? 20_000);
  if (!streaming.test(rpc)) return await client.call(rpc, request, { deadline });
  const stream = client.stream(rpc, request, { deadline });
  stream.resume();
  return await new Promise((resolve) => {
    stream.once('error', (error: Error & { code: status; details: string }) => resolve({ code: error.code, details: error.details, response: {} }));
    stream.once('end', () => resolve({ code: status.OK, details: '', response: {} }));
  });
}

// The words by which the kubelet knows errors that no status stands for; and a container's program that cannot run.
const knownUnknown = /(?:^|: )(?:ImageVolumeMountFailed|RROUnsupported|RegistryUnavailable|SignatureValidationFailed): |OCI runtime|runc/;
const tooLate: readonly string[] = ['ExecSync', 'StopContainer', 'GetContainerEvents', 'PullImage'];

/** Fails for an answer that nobody could do anything with. */
export function assertSensible(answer: StormAnswer): void {
  const { rpc, code, details } = answer;
  const told = `${rpc} ${JSON.stringify(answer.request)}: ${status[code]}: ${details}`;
  assert.ok(![status.INTERNAL, status.DATA_LOSS, status.CANCELLED].includes(code), told);
  if (code === status.UNKNOWN) assert.match(details, knownUnknown, told);
  if (code === status.DEADLINE_EXCEEDED) assert.ok(tooLate.includes(rpc), told);
  if (code === status.UNAVAILABLE) assert.match(details, /try again|RegistryUnavailable|registry/, told);
  // A refusal names a field by its path or an id that fits two, and the value it had.
  if (code === status.INVALID_ARGUMENT) assert.match(details, /[a-z_[\]"]+ is |is missing|ambiguous|no command specified|CDI device/, told);
  if (code !== status.OK) assert.notEqual(details, '', told);
}

/** Fails where what was refused, or failed, holds a name: the same request has to find it free. */
export async function assertNamesFree(client: CriClient, answers: readonly StormAnswer[]): Promise<void> {
  for (const { rpc, request, code } of answers) {
    // Other names may have been given twice.
    const isFresh = /^s\d+$/.test((request as Named).config?.metadata?.name ?? '');
    if (code === status.OK || !isFresh || !['RunPodSandbox', 'CreateContainer'].includes(rpc)) continue;
    const again = await client.call(rpc, request);
    assert.notEqual(again.code, status.ALREADY_EXISTS, `${rpc} ${JSON.stringify(request)}: ${again.details}`);
  }
}

interface Named {
  readonly config?: { readonly metadata?: { readonly name?: string } };
}

/** Removes every Pod that is left, as a kubelet does. */
export async function removeAll(client: CriClient): Promise<void> {
  const { response } = await client.call('ListPodSandbox', {});
  for (const { id } of response['items'] as { readonly id: string }[]) {
    for (const rpc of ['StopPodSandbox', 'RemovePodSandbox']) {
      const { code, details } = await client.call(rpc, { podSandboxId: id });
      assert.equal(code, status.OK, `${rpc} ${id}: ${details}`);
    }
  }
  assert.deepEqual((await client.call('ListContainers', {})).response['containers'], []);
}
