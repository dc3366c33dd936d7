import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** What the files of one folder say, in the order of their names, and why some of them say nothing. */
export interface FolderContent<T> {
  readonly path: string;
  readonly files: readonly { readonly name: string; readonly value: T }[];
  readonly problems: readonly string[];
}

interface Known<T> {
  /** Changes with every change of the file. */
  readonly stamp: string;
  readonly value?: T;
  readonly problem?: string;
}

// Specs of hundreds of devices have some 100 KB; parsing is synchronous.
const maxBytes = 4 * 1024 * 1024;

/**
 * Files that others put into folders of the node at any time. They are looked at on every use and parsed only when
 * they changed. A file that cannot be used is logged once and passed over, so that one vendor's broken file does
 * not keep another's devices from Pods.
 */
export class FolderFiles<T> {
  readonly #folders: readonly string[];
  readonly #isWanted: (name: string) => boolean;
  readonly #parse: (text: string, file: string) => T;
  readonly #log: Log;
  #known = new Map<string, Known<T>>();

  constructor(options: {
    readonly folders: readonly string[];
    readonly isWanted: (name: string) => boolean;
    readonly parse: (text: string, file: string) => T;
    readonly log: Log;
  }) {
    this.#folders = options.folders;
    this.#isWanted = options.isWanted;
    this.#parse = options.parse;
    this.#log = options.log;
  }

  /** What all folders have now. Never rejects: a folder that cannot be read is among its own problems. */
  async read(): Promise<FolderContent<T>[]> {
    const now = new Map<string, Known<T>>();
    const folders: FolderContent<T>[] = [];
    for (const folder of this.#folders) folders.push(await this.#readFolder(folder, now));
    this.#known = now;
    return folders;
  }

  async #readFolder(folder: string, now: Map<string, Known<T>>): Promise<FolderContent<T>> {
    const problems: string[] = [];
    const files: { name: string; value: T }[] = [];
    for (const name of await this.#namesIn(folder, problems)) {
      const known = await this.#readOne(path.join(folder, name));
      if (known === undefined) continue;
      now.set(path.join(folder, name), known);
      if (known.value !== undefined) files.push({ name, value: known.value });
      if (known.problem !== undefined) problems.push(known.problem);
    }
    return { path: folder, files, problems };
  }

  async #namesIn(folder: string, problems: string[]): Promise<string[]> {
    try {
      return (await readdir(folder)).filter((name) => this.#isWanted(name)).toSorted();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') problems.push(`${folder}: ${messageOf(error)}`);
      return [];
    }
  }

  async #readOne(file: string): Promise<Known<T> | undefined> {
    let stamp = '';
    try {
      const found = await stat(file, { bigint: true });
      const { mtimeNs, ctimeNs, size, ino } = found;
      stamp = [mtimeNs, ctimeNs, size, ino].join(' ');
      const known = this.#known.get(file);
      if (known?.stamp === stamp) return known;
      // Of a FIFO there might never be anything to read, and who waits for it takes a thread from all others.
      if (!found.isFile()) throw new CodedError('failedPrecondition', `${file}: it is no regular file`);
      if (size > maxBytes) throw new CodedError('resourceExhausted', `${file}: it is larger than ${maxBytes} bytes`);
      return { stamp, value: this.#parse(await readFile(file, 'utf8'), file) };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      const problem = messageOf(error);
      this.#log.error({ file, error: problem }, 'a file cannot be used and is passed over');
      return { stamp, problem };
    }
  }
}
