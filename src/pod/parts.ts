import type { Clock } from '../lib/clock.ts';
import type { KeyedLock } from '../lib/keyed-lock.ts';
import type { Log } from '../lib/log.ts';
import type { ContainerDefaults } from '../spec/container-defaults.ts';
import type { HookFile } from '../spec/hooks.ts';
import type { HostFacts } from '../spec/host-facts.ts';
import type { CdiFiles } from './cdi.ts';
import type { ContainerStatusRecord } from './container-records.ts';
import type { Container } from './container.ts';
import type { Creations } from './creations.ts';
import type { PodEvents } from './events.ts';
import type { ExitWatcher } from './exits.ts';
import type { FolderFiles } from './folder-files.ts';
import type { Folders } from './folders.ts';
import type { IdStore } from './id-store.ts';
import type { KernelPort } from './kernel.ts';
import type { OwedRecord } from './owed.ts';
import type { PauseKeeper } from './pause.ts';
import type { ContainerConfigsPort, ContainerdPort, ImagesPort, LogPumpPort, NetworkPort } from './ports.ts';
import type { RecordFiles } from './record-files.ts';
import type { Runtimes } from './runtimes.ts';
import type { Sandbox, SandboxRecord } from './sandbox.ts';

/**
 * Everything that acts on Pods are made of. `app.ts` builds it once; each act names the few parts it uses
 * (`Pick<Parts, …>`), so that a reader and a test see what it depends on.
 */
export interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly folders: Folders;
  readonly host: HostFacts;
  readonly kernel: KernelPort;
  readonly bootId: string;
  /** The containerd namespace: also the cgroup under which Pods without a cgroup parent live. */
  readonly namespace: string;
  readonly sandboxImage: string;
  readonly containerd: ContainerdPort;
  readonly images: ImagesPort;
  readonly network: NetworkPort;
  readonly logs: LogPumpPort;
  readonly runtimes: Runtimes;
  readonly cdiFiles: CdiFiles;
  readonly hookFiles: FolderFiles<HookFile>;
  readonly containerDefaults: ContainerDefaults;
  readonly containerConfigs: ContainerConfigsPort;
  readonly sandboxes: IdStore<Sandbox>;
  readonly containers: IdStore<Container>;
  readonly sandboxNames: Creations;
  readonly containerNames: Creations;
  readonly sandboxRecords: RecordFiles<SandboxRecord>;
  readonly containerRecords: RecordFiles<ContainerStatusRecord>;
  /** What failed creations of containers have left, because it could not be taken back either. */
  readonly owedRecords: RecordFiles<OwedRecord>;
  readonly pauses: PauseKeeper;
  readonly exits: ExitWatcher;
  /** One act at a time on one sandbox's life. */
  readonly sandboxLocks: KeyedLock;
  /** One act at a time on one container's life. */
  readonly containerLocks: KeyedLock;
  readonly events: PodEvents;
}
