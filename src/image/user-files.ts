import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { Undo } from '../lib/undo.ts';
import type { Log } from '../lib/log.ts';
import type { Leases, Mount, Snapshots } from './ports.ts';

/** The texts that a user and its groups are looked up in; empty where the image has none. */
export interface UserFileTexts {
  readonly passwd: string;
  readonly group: string;
}

/** What is asked of the kernel. */
export interface RootAccess {
  /** Mounts a snapshot's mounts at a folder that is there. */
  mount(mounts: readonly Mount[], folder: string): Promise<void>;
  unmount(folder: string): Promise<void>;
  /** A file's content, found without leaving `root` whatever links are in the way; undefined where there is none. */
  readFile(root: string, file: string, maxBytes: number): Promise<Buffer | undefined>;
}

export interface UserFilesOptions {
  readonly snapshots: (snapshotter: string) => Pick<Snapshots, 'view' | 'remove'>;
  readonly leases: Leases;
  readonly access: RootAccess;
  /** Where images are mounted for a moment. */
  readonly folder: string;
  readonly log: Log;
  /** How many images' texts are kept. */
  readonly capacity?: number;
}

const CAPACITY = 64;
// The largest real ones have some thousand lines; a hostile one must not fill the memory.
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * /etc/passwd and /etc/group as they are in images. They are read once for each stack of layers, from a read-only
 * view that exists only meanwhile, and before any container runs that could swap them under the reader.
 */
export class UserFiles {
  readonly #options: UserFilesOptions;
  readonly #capacity: number;
  // In the order of use, the oldest first.
  readonly #texts = new Map<string, Promise<UserFileTexts>>();

  constructor(options: UserFilesOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? CAPACITY;
  }

  /**
   * The texts in the image whose layers are `chainId`, read where `snapshotter` has them: notFound where it has not.
   * A read that failed is tried again by the next caller.
   */
  async read(chainId: string, snapshotter: string): Promise<UserFileTexts> {
    if (chainId === '') return { passwd: '', group: '' };
    const known = this.#texts.get(chainId);
    const texts = known ?? this.#readView(chainId, snapshotter);
    this.#texts.delete(chainId);
    this.#texts.set(chainId, texts);
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= this.#capacity) break;
      this.#texts.delete(oldest);
    }
    try {
      return await texts;
    } catch (error) {
      if (this.#texts.get(chainId) === texts) this.#texts.delete(chainId);
      throw error;
    }
  }

  /** Takes away what a read left mounted when podwright was killed in it; before the first read. */
  async sweep(): Promise<void> {
    const { access, folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const root = path.join(folder, name);
      await access.unmount(root);
      await rmdir(root);
    }
  }

  async #readView(chainId: string, snapshotter: string): Promise<UserFileTexts> {
    const { leases, log } = this.#options;
    const snapshots = this.#options.snapshots(snapshotter);
    return leases.withLease({ 'podwright.io/user-files': 'true' }, async (lease) => {
      const undo = new Undo(log);
      try {
        const key = `podwright-user-files-${randomUUID()}`;
        const mounts = await snapshots.view(key, chainId, {}, { lease });
        undo.push(`remove snapshot view "${key}"`, () => snapshots.remove(key));
        const root = await this.#mounted(mounts, undo);
        return { passwd: await this.#text(root, '/etc/passwd'), group: await this.#text(root, '/etc/group') };
      } finally {
        await undo.unwind();
      }
    });
  }

  /** Where the view can be read. One layer alone is a folder that needs no mount: reading is by openat2 anyway. */
  async #mounted(mounts: readonly Mount[], undo: Undo): Promise<string> {
    const [only] = mounts;
    if (mounts.length === 1 && only?.type === 'bind') return only.source;
    const { access, folder } = this.#options;
    const root = path.join(folder, randomUUID());
    await mkdir(root, { recursive: true, mode: 0o700 });
    undo.push(`remove folder "${root}"`, () => rmdir(root));
    await access.mount(mounts, root);
    undo.push(`unmount "${root}"`, () => access.unmount(root));
    return root;
  }

  async #text(root: string, file: string): Promise<string> {
    const bytes = await this.#options.access.readFile(root, file, MAX_BYTES);
    return bytes?.toString('utf8') ?? '';
  }
}
