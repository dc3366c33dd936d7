import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { CodedError, errnoOf, messageOf, wrapError } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import { makeFolder } from '../lib/make-folder.ts';
import type { Log } from '../lib/log.ts';

/**
 * One JSON file for each id, in a folder of that id below `folder`. Writes of one id follow each other in
 * the order they were asked for. A file that cannot be read is set aside under another name and reported,
 * so that one bad record costs one Pod and never the daemon. The JSON is plain: no record may have bytes in it.
 */
export class RecordFiles<T extends { readonly version: 1 }> {
  readonly #folder: string;
  readonly #fileName: string;
  readonly #log: Log;
  readonly #locks = new KeyedLock();

  constructor(folder: string, fileName: string, log: Log) {
    this.#folder = folder;
    this.#fileName = fileName;
    this.#log = log;
  }

  /** Writes a record durably: when this resolves it survives a power cut. */
  async write(id: string, record: T): Promise<void> {
    const file = this.#file(id);
    try {
      await this.#locks.run(id, async () => {
        await makeFolder(path.dirname(file), 0o700);
        await writeFileAtomic(file, JSON.stringify(record));
      });
    } catch (error) {
      throw wrapError(`write ${file}`, error);
    }
  }

  /** Reads one record; undefined when there is none or it was set aside as unreadable. */
  async read(id: string): Promise<T | undefined> {
    const file = this.#file(id);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
      throw new CodedError('internal', `read ${file}: ${messageOf(error)}`, { cause: error });
    }
    try {
      const record: unknown = JSON.parse(text);
      if (!isVersionOne(record)) throw new Error('it is not a record of version 1');
      return record as T;
    } catch (error) {
      await this.#setAside(file, error);
      return undefined;
    }
  }

  /** The ids that have a folder, whether or not their record can be read. */
  async ids(): Promise<string[]> {
    try {
      return (await readdir(this.#folder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** Removes an id's folder with everything in it. */
  async remove(id: string): Promise<void> {
    await this.#locks.run(id, async () => {
      await rm(path.dirname(this.#file(id)), { recursive: true, force: true });
    });
  }

  #file(id: string): string {
    return path.join(this.#folder, id, this.#fileName);
  }

  async #setAside(file: string, error: unknown): Promise<void> {
    const folder = path.join(path.dirname(this.#folder), 'unreadable');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const aside = path.join(folder, `${path.basename(path.dirname(file))}-${this.#fileName}-${Date.now()}`);
    await rename(file, aside);
    this.#log.error({ file: aside, error: messageOf(error) }, 'a record cannot be read and was set aside');
  }
}

function isVersionOne(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1;
}
