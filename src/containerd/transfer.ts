import { randomUUID } from 'node:crypto';
import type { AuthResponse } from '../types/containerd/containerd/types/transfer/AuthResponse.ts';
import type { TransferDefinition } from '../types/containerd/containerd/services/transfer/v1/Transfer.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { wrapError } from '../lib/errors.ts';
import { toWireAny } from './any.ts';
import { fromWireDescriptor } from './descriptor.ts';
import type { Descriptor } from './descriptor.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import type { AnyStream, Streaming } from './streaming.ts';
import type { TypeUrls } from './typeurl.ts';

/**
 * What a registry is shown: a name and a password, or a refresh token for OAuth2. containerd has a third kind
 * for a ready-made Authorization header, but its resolver drops it (2.4); such a header goes in `headers`.
 */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly secret: string }
  | { readonly kind: 'refresh'; readonly secret: string };

/** Which manifest of an index. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/**
 * One step of a transfer, at most every 300 ms for each blob. `event` is containerd's word: `waiting`,
 * `downloading`, `already exists`, `complete`, `extracting`, `extracted`, `saved`, or a sentence about the whole.
 */
export interface TransferProgress {
  readonly event: string;
  readonly name: string;
  readonly parents: readonly string[];
  /** Bytes. */
  readonly progress: bigint;
  /** Bytes. */
  readonly total: bigint;
  readonly descriptor?: Descriptor;
}

export interface TransferPullOptions {
  /** What is resolved at the registry: HOST/REPOSITORY:TAG or @DIGEST, in full. */
  readonly reference: string;
  /** The image record that is made when all is there. */
  readonly imageName: string;
  readonly imageLabels: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** What it is unpacked for; undefined leaves it packed. */
  readonly snapshotter: string | undefined;
  /** A folder of HOST/hosts.toml files. */
  readonly hostsDir?: string;
  /** Asked with the host that containerd talks to, a mirror also, after it has refused; undefined for none. */
  readonly credentials?: (host: string) => Promise<Credentials | undefined>;
  /** Sent with every request to every host, mirrors and token servers too. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly signal?: AbortSignal;
  /** What holds on to all that is made; without one containerd makes its own, until the record is there. */
  readonly lease?: string;
}

export interface TransferParts {
  readonly rpc: Rpc;
  readonly methods: TransferDefinition;
  readonly types: TypeUrls;
  readonly streaming: Streaming;
}

/** containerd's Transfer service. */
export class Transfer {
  readonly #parts: TransferParts;

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  /**
   * Pulls one platform of an image and unpacks it. `notFound` also when an index has no such platform. A
   * snapshotter that containerd's transfer plugin has no unpack configuration for is left out with a mere
   * warning in containerd's log: whoever needs the snapshot has to look whether it is there.
   */
  async pull(options: TransferPullOptions): Promise<void> {
    const { lease, signal } = options;
    const { rpc, methods } = this.#parts;
    // Aborted by what a callback throws, with which the pull then fails too.
    const failure = new AbortController();
    const signals = [failure.signal, ...(signal ? [signal] : [])];
    const call: CallOptions = { signal: AbortSignal.any(signals), ...(lease !== undefined && { lease }), timeoutMs: 0 };
    const streams: AnyStream[] = [];
    const open = async (kind: string, serve: (stream: AnyStream) => Promise<void>) => {
      const id = `podwright-${kind}-${randomUUID()}`;
      const stream = await this.#parts.streaming.open(id, call);
      streams.push(stream);
      const served = serve(stream).catch((error: unknown) => {
        failure.abort(wrapError(`serve its ${kind} stream`, error));
      });
      return { id, served };
    };
    try {
      const { credentials, onProgress } = options;
      const [auth, progress] = await allSettledOrThrow([
        Promise.resolve(credentials && open('auth', (stream) => this.#answer(stream, credentials))),
        Promise.resolve(onProgress && open('progress', (stream) => this.#report(stream, onProgress))),
      ]);
      const request = {
        source: toWireAny(this.#source(options, auth?.id ?? '')),
        destination: toWireAny(this.#destination(options)),
        options: { progressStream: progress?.id ?? '' },
      };
      await rpc.unary(methods.Transfer, request, `pull image "${options.reference}"`, call);
      // containerd ends this one itself, after the last step; the other one it leaves open.
      await progress?.served;
    } finally {
      for (const stream of streams) stream.close();
    }
  }

  #source(options: TransferPullOptions, authStream: string) {
    return this.#parts.types.encode('containerd.types.transfer.OCIRegistry', {
      reference: options.reference,
      resolver: { authStream, headers: { ...options.headers }, hostDir: options.hostsDir ?? '' },
    });
  }

  #destination(options: TransferPullOptions) {
    const { os, architecture, variant = '' } = options.platform;
    const platform = { os, architecture, variant };
    return this.#parts.types.encode('containerd.types.transfer.ImageStore', {
      name: options.imageName,
      labels: { ...options.imageLabels },
      platforms: [platform],
      // With a limit an index without a match is an error; without one it is an image of nothing.
      manifestLimit: 1,
      unpacks: options.snapshotter === undefined ? [] : [{ platform, snapshotter: options.snapshotter }],
    });
  }

  /** Answers each request for credentials. containerd waits for the answer without a limit, so there always is one. */
  async #answer(stream: AnyStream, credentials: NonNullable<TransferPullOptions['credentials']>): Promise<void> {
    const { types } = this.#parts;
    for await (const message of stream) {
      const { host } = types.decode('containerd.types.transfer.AuthRequest', message);
      const answer = toAuthResponse(await credentials(host));
      stream.send(types.encode('containerd.types.transfer.AuthResponse', answer));
    }
  }

  async #report(stream: AnyStream, onProgress: (progress: TransferProgress) => void): Promise<void> {
    for await (const message of stream) {
      const { event, name, parents, progress, total, desc } = this.#parts.types.decode(
        'containerd.types.transfer.Progress',
        message,
      );
      onProgress({
        event,
        name,
        parents,
        progress: BigInt(progress),
        total: BigInt(total),
        ...(desc && { descriptor: fromWireDescriptor(desc) }),
      });
    }
  }
}

/** What containerd is told; an empty user name beside a secret is its mark for a refresh token. */
export function toAuthResponse(credentials: Credentials | undefined): AuthResponse {
  if (credentials === undefined) return { authType: 'NONE' };
  if (credentials.kind === 'refresh') return { authType: 'REFRESH', secret: credentials.secret };
  return { authType: 'CREDENTIALS', username: credentials.username, secret: credentials.secret };
}
