import { loadSync } from '@grpc/proto-loader';
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import type { ContainersDefinition } from '../types/containerd/containerd/services/containers/v1/Containers.ts';
import type { ContentDefinition } from '../types/containerd/containerd/services/content/v1/Content.ts';
import type { DiffDefinition } from '../types/containerd/containerd/services/diff/v1/Diff.ts';
import type { EventsDefinition } from '../types/containerd/containerd/services/events/v1/Events.ts';
import type { ImagesDefinition } from '../types/containerd/containerd/services/images/v1/Images.ts';
import type { IntrospectionDefinition } from '../types/containerd/containerd/services/introspection/v1/Introspection.ts';
import type { LeasesDefinition } from '../types/containerd/containerd/services/leases/v1/Leases.ts';
import type { NamespacesDefinition } from '../types/containerd/containerd/services/namespaces/v1/Namespaces.ts';
import type { StoreDefinition } from '../types/containerd/containerd/services/sandbox/v1/Store.ts';
import type { SnapshotsDefinition } from '../types/containerd/containerd/services/snapshots/v1/Snapshots.ts';
import type { StreamingDefinition } from '../types/containerd/containerd/services/streaming/v1/Streaming.ts';
import type { TasksDefinition } from '../types/containerd/containerd/services/tasks/v1/Tasks.ts';
import type { TransferDefinition } from '../types/containerd/containerd/services/transfer/v1/Transfer.ts';
import type { VersionDefinition } from '../types/containerd/containerd/services/version/v1/Version.ts';

/** The services of containerd that are called, as proto-loader reads them out of proto/containerd. */
export interface ServiceDefinitions {
  readonly containers: ContainersDefinition;
  readonly content: ContentDefinition;
  readonly diff: DiffDefinition;
  readonly events: EventsDefinition;
  readonly images: ImagesDefinition;
  readonly introspection: IntrospectionDefinition;
  readonly leases: LeasesDefinition;
  readonly namespaces: NamespacesDefinition;
  readonly sandboxStore: StoreDefinition;
  readonly snapshots: SnapshotsDefinition;
  readonly streaming: StreamingDefinition;
  readonly tasks: TasksDefinition;
  readonly transfer: TransferDefinition;
  readonly version: VersionDefinition;
}

const NAMES: { readonly [S in keyof ServiceDefinitions]: string } = {
  containers: 'containerd.services.containers.v1.Containers',
  content: 'containerd.services.content.v1.Content',
  diff: 'containerd.services.diff.v1.Diff',
  events: 'containerd.services.events.v1.Events',
  images: 'containerd.services.images.v1.Images',
  introspection: 'containerd.services.introspection.v1.Introspection',
  leases: 'containerd.services.leases.v1.Leases',
  namespaces: 'containerd.services.namespaces.v1.Namespaces',
  sandboxStore: 'containerd.services.sandbox.v1.Store',
  snapshots: 'containerd.services.snapshots.v1.Snapshots',
  streaming: 'containerd.services.streaming.v1.Streaming',
  tasks: 'containerd.services.tasks.v1.Tasks',
  transfer: 'containerd.services.transfer.v1.Transfer',
  version: 'containerd.services.version.v1.Version',
};

// Everything else is imported by these.
const FILES: readonly string[] = [
  'services/containers/v1/containers.proto',
  'services/content/v1/content.proto',
  'services/diff/v1/diff.proto',
  'services/events/v1/events.proto',
  'services/images/v1/images.proto',
  'services/introspection/v1/introspection.proto',
  'services/leases/v1/leases.proto',
  'services/namespaces/v1/namespace.proto',
  'services/sandbox/v1/sandbox.proto',
  'services/snapshots/v1/snapshots.proto',
  'services/streaming/v1/streaming.proto',
  'services/tasks/v1/tasks.proto',
  'services/transfer/v1/transfer.proto',
  'services/version/v1/version.proto',
  'events/container.proto',
  'events/content.proto',
  'events/image.proto',
  'events/task.proto',
  'types/introspection.proto',
  'types/runc/options/oci.proto',
  'types/runtimeoptions/v1/api.proto',
  'types/transfer/imagestore.proto',
  'types/transfer/progress.proto',
  'types/transfer/registry.proto',
];

/** Services by our own names, and messages by their full name for what travels inside an Any. */
export interface Definitions {
  readonly services: ServiceDefinitions;
  message(fullName: string): MessageTypeDefinition<object, object> | undefined;
}

/** Reads proto/containerd. Takes about 50 ms and is synchronous: once, when the daemon starts. */
export function loadDefinitions(): Definitions {
  // The same distance from src/containerd and from dist/containerd.
  const folder = fileURLToPath(new URL('../../proto/containerd', import.meta.url));
  const all: PackageDefinition = loadSync([...FILES], {
    includeDirs: [folder],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const services = Object.fromEntries(Object.entries(NAMES).map(([name, fullName]) => [name, all[fullName]]));
  return {
    services: services as unknown as ServiceDefinitions,
    message(fullName) {
      const found = all[fullName];
      return found !== undefined && isMessage(found) ? found : undefined;
    },
  };
}

function isMessage(definition: object): definition is MessageTypeDefinition<object, object> {
  return 'serialize' in definition && 'deserialize' in definition && 'format' in definition;
}
