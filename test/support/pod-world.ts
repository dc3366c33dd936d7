import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { KeyedLock } from '../../src/lib/keyed-lock.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ContainerConfig__Output } from '../../src/types/cri/runtime/v1/ContainerConfig.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { ContainerStatusRecord } from '../../src/pod/container-records.ts';
import type { Container } from '../../src/pod/container.ts';
import { Creations } from '../../src/pod/creations.ts';
import { PodEvents } from '../../src/pod/events.ts';
import { ExitWatcher } from '../../src/pod/exits.ts';
import { FolderFiles } from '../../src/pod/folder-files.ts';
import { Folders } from '../../src/pod/folders.ts';
import { IdStore } from '../../src/pod/id-store.ts';
import type { HostFacts } from '../../src/spec/host-facts.ts';
import type { KernelPort } from '../../src/pod/kernel.ts';
import type { Parts } from '../../src/pod/parts.ts';
import type { OwedRecord } from '../../src/pod/owed.ts';
import { PauseKeeper } from '../../src/pod/pause.ts';
import type { ContainerConfigsPort, ImageFacts, ImagesPort, LogPumpPort, NetworkPort } from '../../src/pod/ports.ts';
import { RecordFiles } from '../../src/pod/record-files.ts';
import { markBroken } from '../../src/pod/recover-sandbox.ts';
import { type Runtime, Runtimes } from '../../src/pod/runtimes.ts';
import type { Sandbox, SandboxRecord } from '../../src/pod/sandbox.ts';
import { noDefaults } from '../../src/spec/container-defaults.ts';
import { parseHookFile } from '../../src/spec/hooks.ts';
import { parseCdiFile } from '../../src/spec/cdi-file.ts';
import { Faults } from './containerd/faults.ts';
import { FakeContainerd } from './fake-containerd.ts';

const image: ImageFacts = {
  id: `sha256:${'1'.repeat(64)}`,
  chainId: '',
  target: { mediaType: '', digest: `sha256:${'2'.repeat(64)}`, size: 1n, annotations: {} },
  repoTags: ['registry.test/app:1'],
  repoDigests: [`registry.test/app@sha256:${'2'.repeat(64)}`],
  config: { entrypoint: ['/app'], cmd: [], env: [], workingDir: '', user: '', stopSignal: '', volumes: [] },
};

const containerConfigs: ContainerConfigsPort = {
  encode: (config) => serialize(config),
  decode: (bytes) => deserialize(bytes) as ContainerConfig__Output,
};

/** The handler of a Pod layer under test. */
export const plainRuntime: Runtime = {
  name: 'runc',
  type: 'io.containerd.runc.v2',
  options: undefined,
  pauseIsPod: false,
  systemdCgroup: false,
  snapshotter: 'overlayfs',
  features: {
    recursiveReadOnlyMounts: true,
    userNamespaces: true,
    idMappedMounts: true,
    netDevices: true,
    rdtSchemata: true,
    rdtMonitoring: true,
  },
  cniConfDir: '',
  baseSpec: undefined,
  privilegedWithoutHostDevices: false,
  podAnnotations: [],
  containerAnnotations: [],
};

/** The kernel, the network, the images and the log pump of a Pod layer under test, with what they hold. */
export class FakeSurroundings {
  readonly faults = new Faults();
  readonly pinned = new Set<string>();
  readonly mounted = new Set<string>();
  readonly attached = new Set<string>();
  readonly openLogs = new Set<string>();
  oomKilled = false;
  /** By cgroup what it says instead; undefined where it is gone. */
  readonly oomKills = new Map<string, number | undefined>();

  readonly kernel: KernelPort = {
    pinNamespaces: async ({ dir, net, uts, ipc, user }) => {
      await this.faults.enter('kernel.pinNamespaces', [dir], undefined);
      this.pinned.add(dir);
      const paths = Object.entries({ net, uts, ipc, user: user !== undefined }).flatMap(([kind, wanted]) => (wanted ? [[kind, path.join(dir, kind)]] : []));
      for (const [, file] of paths) this.mounted.add(String(file));
      return Object.fromEntries(paths) as Record<string, string>;
    },
    writeNetworkSysctls: async (netnsPath, sysctls) => {
      await this.faults.enter('kernel.writeNetworkSysctls', [netnsPath, sysctls], undefined);
    },
    unpinNamespaces: async (dir) => {
      await this.faults.enter('kernel.unpinNamespaces', [dir], undefined);
      this.pinned.delete(dir);
      for (const file of this.mounted) if (file.startsWith(`${dir}/`)) this.mounted.delete(file);
    },
    isMounted: async (file) => {
      await this.faults.enter('kernel.isMounted', [file], undefined);
      return this.mounted.has(file);
    },
    mountShm: async (file) => {
      await this.faults.enter('kernel.mountShm', [file], undefined);
      this.mounted.add(file);
    },
    unmountBelow: async (folder) => {
      await this.faults.enter('kernel.unmountBelow', [folder], undefined);
      for (const file of this.mounted) if (file === folder || file.startsWith(`${folder}/`)) this.mounted.delete(file);
    },
    mountLayers: async (mounts, folder) => {
      await this.faults.enter('kernel.mountLayers', [mounts, folder], undefined);
      this.mounted.add(folder);
    },
    pathInRoot: async (root, inside) => {
      await this.faults.enter('kernel.pathInRoot', [root, inside], undefined);
      return inside.includes('missing') ? undefined : path.join(root, inside);
    },
    giveWorkingDir: async (pid, root, owner) => {
      await this.faults.enter('kernel.giveWorkingDir', [pid, root, owner], undefined);
    },
    copyTree: async (from, to) => {
      await this.faults.enter('kernel.copyTree', [from, to], undefined);
    },
    removeCgroup: async () => {},
    stopSlice: async (slice) => {
      await this.faults.enter('kernel.stopSlice', [slice], undefined);
    },
    mountTable: async () => {
      await this.faults.enter('kernel.mountTable', [], undefined);
      return [{ mountPoint: '/', tags: ['shared:1'] }];
    },
    devicesAt: async (file) => {
      await this.faults.enter('kernel.devicesAt', [file], undefined);
      return file.startsWith('/dev/') ? [{ path: file, type: 'c', major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 }] : [];
    },
    makeDeviceNodes: async (folder, nodes) => {
      await this.faults.enter('kernel.makeDeviceNodes', [folder, nodes], undefined);
      this.mounted.add(folder);
    },
    hostDevices: async () => {
      await this.faults.enter('kernel.hostDevices', [], undefined);
      return [];
    },
    apparmorProfiles: async () => [],
    rdtClasses: async () => undefined,
    knowsLabel: async (label) => !label.includes('nobody_t'),
    relabel: async (paths, label) => {
      await this.faults.enter('kernel.relabel', [paths, label], undefined);
    },
    setOomScore: async (cgroupsPath, score) => {
      await this.faults.enter('kernel.setOomScore', [cgroupsPath, score], undefined);
    },
    hostname: () => 'node',
    cgroupUsage: async () => undefined,
    interfaces: async () => [],
    oomKills: async (cgroup) => (this.oomKills.has(cgroup) ? this.oomKills.get(cgroup) : Number(this.oomKilled)),
  };

  readonly network: NetworkPort = {
    add: async ({ id }) => {
      this.attached.add(id);
      await this.faults.enter('network.add', [id], undefined);
      return { ip: '10.0.0.2', additionalIps: [] };
    },
    del: async ({ id }) => {
      await this.faults.enter('network.del', [id], undefined);
      this.attached.delete(id);
    },
  };

  readonly images: ImagesPort = {
    find: (reference) => (reference.startsWith('registry.test/') || reference === image.id ? image : undefined),
    ensure: async (reference) => {
      await this.faults.enter('images.ensure', [reference], undefined);
      return image;
    },
    unpack: async ({ id }, snapshotter) => {
      await this.faults.enter('images.unpack', [id, snapshotter], undefined);
    },
    userFiles: async ({ id }) => {
      await this.faults.enter('images.userFiles', [id], undefined);
      return { passwd: 'root:x:0:0::/:/bin/sh\n', group: 'root:x:0:\n' };
    },
  };

  readonly logs: LogPumpPort = {
    open: async ({ containerId }) => {
      await this.faults.enter('logs.open', [containerId], undefined);
      this.openLogs.add(containerId);
    },
    reopen: async () => {},
    tap: async () => ({ source: Readable.from([]), ended: Promise.resolve('ended'), stop: () => {} }),
    drained: async () => {},
    close: async (containerId) => void this.openLogs.delete(containerId),
  };
}

/** A Pod layer on fakes: everything in memory but its records, which lie in a folder of their own. */
export interface PodWorld {
  readonly parts: Parts;
  readonly containerd: FakeContainerd;
  readonly around: FakeSurroundings;
  readonly folder: string;
  /** All there is beside memory: records, tasks, snapshots, leases, mounts, attachments, open logs, folders and files. */
  inventory(): Promise<string[]>;
  /** The same world as a podwright started anew finds it. */
  restart(): PodWorld;
  end(): Promise<void>;
}

/** In what a node is special. */
export interface Special {
  readonly host?: Partial<HostFacts>;
  readonly runtime?: Partial<Runtime>;
}

/** Makes a world; `clock` stands still if the test's own does. */
export async function makePodWorld(clock: Clock = systemClock(), special: Special = {}): Promise<PodWorld> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pw-pod-'));
  return build(clock, folder, new FakeContainerd(), new FakeSurroundings(), special);
}

function build(clock: Clock, folder: string, containerd: FakeContainerd, around: FakeSurroundings, special: Special): PodWorld {
  const folders = new Folders(path.join(folder, 'root'), path.join(folder, 'state'));
  const log = silentLog;
  const sandboxes = new IdStore<Sandbox>('pod sandbox');
  const containers = new IdStore<Container>('container');
  const base = {
    log,
    clock,
    folders,
    host: {
      cgroupVersion: 1 as const,
      lastCap: 40,
      apparmorEnabled: false,
      swapController: false,
      hugetlbSizes: [],
      seccompArch: 'x86_64',
      kernelVersion: '6.1.0',
      ownOomScoreAdj: 0,
      canLowerOomScore: false,
      ...special.host,
    },
    kernel: around.kernel,
    bootId: 'boot 1',
    namespace: 'test',
    sandboxImage: 'registry.test/pause:1',
    containerd,
    images: around.images,
    network: around.network,
    logs: around.logs,
    runtimes: new Runtimes([{ ...plainRuntime, ...special.runtime }], 'runc'),
    hookFiles: new FolderFiles({ folders: [], isWanted: () => false, parse: parseHookFile, log }),
    containerDefaults: noDefaults,
    cdiFiles: new FolderFiles({ folders: [], isWanted: () => false, parse: parseCdiFile, log }),
    sandboxes,
    containers,
    sandboxNames: new Creations('pod sandbox'),
    containerNames: new Creations('container'),
    sandboxRecords: new RecordFiles<SandboxRecord>(folders.sandboxes, 'sandbox.json', log),
    containerConfigs,
    containerRecords: new RecordFiles<ContainerStatusRecord>(folders.containers, 'status.json', log),
    owedRecords: new RecordFiles<OwedRecord>(folders.owed, 'owed.json', log),
    sandboxLocks: new KeyedLock(),
    containerLocks: new KeyedLock(),
    events: new PodEvents({ log, sandboxes, containers }),
  };
  const pauses = new PauseKeeper(base, (id) => {
    const sandbox = sandboxes.find(id);
    if (sandbox !== undefined) void markBroken(base, sandbox);
  });
  const exits = new ExitWatcher(base);
  const letGo = async (): Promise<void> => {
    await Promise.all([pauses.letGo(), exits.stop()]);
  };
  return {
    parts: { ...base, pauses, exits },
    containerd,
    around,
    folder,
    inventory: () => inventory(containerd, around, folder),
    restart() {
      void letGo();
      return build(clock, folder, containerd, around, special);
    },
    async end() {
      await letGo();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function inventory(containerd: FakeContainerd, around: FakeSurroundings, folder: string): Promise<string[]> {
  const [containers, tasks, snapshots, leases, files] = await Promise.all([
    containerd.containers.list([]),
    containerd.tasks.list(),
    containerd.snapshots('overlayfs').list(),
    containerd.leases.list([]),
    readdir(folder, { recursive: true }),
  ]);
  // These folders stay once they were made; what counts is what lies in them.
  const lasting = new Set(['root', 'state'].flatMap((top) => [top, `${top}/sandboxes`, `${top}/containers`, `${top}/owed`]));
  return [
    ...containers.map(({ id }) => `container ${id}`),
    ...tasks.map(({ containerId }) => `task ${containerId}`),
    ...snapshots.filter(({ kind }) => kind !== 'committed').map(({ name }) => `snapshot ${name}`),
    ...leases.map(({ id }) => `lease ${id}`),
    ...files.filter((file) => !lasting.has(file)).map((file) => `file ${file}`),
    ...[...around.pinned].map((dir) => `namespaces ${dir}`),
    ...[...around.mounted].map((file) => `mount ${file}`),
    ...[...around.attached].map((id) => `attachment ${id}`),
    ...[...around.openLogs].map((id) => `log ${id}`),
  ].toSorted();
}
