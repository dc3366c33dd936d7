import type { ImageSource } from './oci.ts';
import type { Entry } from './tar.ts';

/** What recipes are made from: programs of this machine and of this folder. */
export interface Ingredients {
  readonly busybox: Buffer;
  readonly applets: readonly string[];
  readonly pause: Buffer;
  /** `web PORT [PID-FILE [WORDS...]]` */
  readonly web: Buffer;
  readonly effectiveUid: Buffer;
  /** nmeter, as far as it tells the time. */
  readonly clock: Buffer;
  /** A shell before busybox's, which leaves the environment as it is. */
  readonly shell: Buffer;
  /** curl, as far as it gets what is at a URL. */
  readonly fetch: Buffer;
  /** nc, as far as it sends a datagram. */
  readonly datagram: Buffer;
  /** `ipc put|get shm|msg|sem KEY [NUMBER]`: System V objects, of which busybox knows nothing. */
  readonly ipc: Buffer;
  /** `grpc-health PORT FILE` */
  readonly grpcHealth: Buffer;
  /** This machine's `dash` and `hostname`, with the C library that they are linked to. */
  readonly dynamic: readonly Entry[];
  /** Kubernetes' program for all kinds of tests, where a set is made with it. */
  readonly agnhost?: Buffer;
  /** What it serves HTTPS with. */
  readonly certificate?: { readonly key: Buffer; readonly certificate: Buffer };
}

/** A recipe, and every name that the image made by it goes under. */
export interface CatalogueEntry {
  readonly names: readonly string[];
  make(ingredients: Ingredients): ImageSource;
}
