/**
 * What the image layer needs of containerd. The client in `src/containerd` satisfies these; `app.ts` puts the two
 * together, so that neither folder imports the other.
 */

/** An OCI content descriptor (image-spec, descriptor.md) as containerd stores it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: bigint;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One of containerd's image records: a name that points to an index or a manifest. */
export interface ImageRecord {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: Descriptor;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly lease?: string;
}

/** containerd's image records. `get` and `delete` fail with notFound, `create` with alreadyExists. */
export interface ImageRecords {
  get(name: string, options?: CallOptions): Promise<ImageRecord>;
  list(filters: readonly string[], options?: CallOptions): Promise<ImageRecord[]>;
  create(record: ImageRecord, options?: CallOptions): Promise<unknown>;
  update(record: ImageRecord, fieldPaths: readonly string[], options?: CallOptions): Promise<unknown>;
  delete(name: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void>;
}

/** One blob of containerd's content store. */
export interface ContentInfo {
  readonly digest: string;
  readonly size: bigint;
}

/** containerd's content store. `read` fails with notFound. */
export interface ContentStore {
  read(digest: string, options?: CallOptions): Promise<Buffer>;
  list(
    filters: readonly string[],
    onInfo: (info: ContentInfo) => void,
    options?: CallOptions,
  ): Promise<void>;
  updateLabels(digest: string, labels: Readonly<Record<string, string>>, options?: CallOptions): Promise<unknown>;
}

/** containerd's way from a layer's blob to a file system; `apply` answers what the blob is uncompressed. */
export interface Diff {
  apply(layer: Descriptor, mounts: readonly Mount[], options?: CallOptions): Promise<Descriptor>;
}

/** Runs an act under a containerd lease, which keeps what the act makes from garbage collection until it ends. */
export interface Leases {
  withLease<T>(labels: Readonly<Record<string, string>>, act: (leaseId: string) => Promise<T>): Promise<T>;
}

/** A mount as containerd hands it out; `options` are mount(8) words. */
export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

export interface SnapshotInfo {
  readonly name: string;
  readonly kind: 'view' | 'active' | 'committed' | 'unknown';
}

/**
 * Snapshots of one snapshotter. `usage` and `stat` fail with notFound, `commit` with alreadyExists. With a `parent` it
 * is put on that layer only now, for which the snapshotter needs the capability `rebase`.
 */
export interface Snapshots {
  prepare(key: string, parent: string, labels?: Readonly<Record<string, string>>, options?: CallOptions): Promise<Mount[]>;
  commit(
    name: string,
    key: string,
    labels?: Readonly<Record<string, string>>,
    options?: CallOptions & { readonly parent?: string },
  ): Promise<void>;
  view(key: string, parent: string, labels?: Readonly<Record<string, string>>, options?: CallOptions): Promise<Mount[]>;
  remove(key: string, options?: CallOptions): Promise<void>;
  usage(key: string, options?: CallOptions): Promise<{ readonly sizeBytes: bigint; readonly inodes: bigint }>;
  stat(key: string, options?: CallOptions): Promise<SnapshotInfo>;
  list(options?: CallOptions): Promise<SnapshotInfo[]>;
}

/** What a platform is called in an image index. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/**
 * What containerd is given when a registry asks for credentials: a name and a password, or a refresh token for
 * OAuth2. A bearer token has no place here: containerd's resolver drops it, so it travels in `headers`.
 */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly secret: string }
  | { readonly kind: 'refresh'; readonly secret: string };

/** One line of a transfer's progress: `event` is containerd's word, sizes are bytes. */
export interface TransferProgress {
  readonly event: string;
  readonly name: string;
  readonly progress: bigint;
  readonly total: bigint;
  /** What it is about. */
  readonly descriptor?: Descriptor;
}

export interface TransferPullOptions {
  /** What is resolved at the registry. */
  readonly reference: string;
  /** The name of the record that is made when everything is there. */
  readonly imageName: string;
  readonly imageLabels: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** What it is unpacked for; undefined leaves it packed. */
  readonly snapshotter: string | undefined;
  readonly hostsDir?: string;
  /** Sent with every request to the registry's endpoints. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: (host: string) => Promise<Credentials | undefined>;
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly signal?: AbortSignal;
  /** What holds on to all that comes in; without one containerd makes its own, until the record is there. */
  readonly lease?: string;
}

/** containerd's Transfer service, from a registry into its store. */
export interface Transfer {
  pull(options: TransferPullOptions): Promise<void>;
}

/** What containerd is made of: its plugins that any of the filters matches. */
export interface Introspection {
  plugins(
    filters: readonly string[],
    options?: CallOptions,
  ): Promise<readonly { readonly id: string; readonly capabilities: readonly string[] }[]>;
}
