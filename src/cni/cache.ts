import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { CodedError, errnoOf, messageOf, wrapError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Attachment } from './attachment.ts';
import type { NetworkConf } from './conf.ts';
import { fromNetworkConf, toNetworkConf } from './conf.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, optionalString, parseJsonObject } from './json.ts';

/** An attachment that was begun and not deleted yet: all that its DEL needs, whatever the folder of configurations has now. */
export interface CachedAttachment extends Attachment {
  readonly netnsPath: string;
  readonly network: NetworkConf;
  /** What the ADD gave, as the last plugin wrote it; undefined when the ADD did not come to its end. */
  readonly result: JsonObject | undefined;
  /** What the last plugin gave that ended before the ADD was cut off; undefined where the ADD came to its end. */
  readonly partial?: JsonObject | undefined;
}

/** Whom an attachment belongs to: what its files are named by. */
export type AttachmentKey = Pick<CachedAttachment, 'containerId' | 'ifName' | 'network'>;

// None of these is allowed in an id or in a network's name, so that file names cannot be taken for each other.
const separator = '@';
const recordSuffix = '.json';
const resultSuffix = '.result';
const partialSuffix = '.partial';

/**
 * The attachments of podwright's Pods, on disk under its root, since DEL has to free addresses after a restart and after a
 * reboot. Two files each. The record says what ADD was asked for, and is flushed to the disk while the first plugin
 * runs, which hides its 1–5 ms. The result is added at the end and not flushed, which would hold every Pod's start
 * up: it describes interfaces and packet filter rules, which a power cut takes away too.
 */
export class AttachmentCache {
  readonly #folder: string;
  readonly #log: Log;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Writes down that an ADD begins. */
  async begin(attachment: Omit<CachedAttachment, 'result' | 'partial'>): Promise<void> {
    const { containerId, ifName, args, capabilityArgs, netnsPath, network } = attachment;
    const record = { version: 1, containerId, ifName, netnsPath, args, capabilityArgs, network: fromNetworkConf(network) };
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFileAtomic(this.#file(attachment, recordSuffix), JSON.stringify(record));
    } catch (error) {
      throw wrapError(`write down the network attachment of "${containerId}"`, error);
    }
  }

  /** Adds what the ADD gave. */
  async complete(key: AttachmentKey, result: JsonObject): Promise<void> {
    await writeResult(this.#file(key, resultSuffix), result);
  }

  /**
   * Adds what the ADD gave up to now. Were podwright killed in the midst of it, some plugins could not delete without:
   * firewall knows its rules by the addresses only.
   */
  async progress(key: AttachmentKey, partial: JsonObject): Promise<void> {
    await writeResult(this.#file(key, partialSuffix), partial);
  }

  /** Forgets an attachment. */
  async remove(key: AttachmentKey): Promise<void> {
    // The record goes last: while it is there, the DEL is tried again.
    for (const suffix of [resultSuffix, partialSuffix, recordSuffix]) await rm(this.#file(key, suffix), { force: true });
  }

  /** The attachments of one sandbox. */
  async of(containerId: string): Promise<CachedAttachment[]> {
    return this.#read((name) => name.startsWith(`${containerId}${separator}`));
  }

  /** All attachments. */
  async all(): Promise<CachedAttachment[]> {
    return this.#read(() => true);
  }

  async #read(wanted: (name: string) => boolean): Promise<CachedAttachment[]> {
    const names = (await this.#list()).filter((name) => name.endsWith(recordSuffix) && wanted(name));
    const read = await Promise.all(names.toSorted().map((name) => this.#readOne(name)));
    return read.filter((attachment) => attachment !== undefined);
  }

  async #list(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  // A record that cannot be read is put aside: failing over it for ever would keep its Pod from being removed.
  async #readOne(name: string): Promise<CachedAttachment | undefined> {
    const file = path.join(this.#folder, name);
    try {
      const record = toRecord(parseJsonObject(await readFile(file, 'utf8'), 'it'));
      if (this.#file(record, recordSuffix) !== file) throw new CodedError('dataLoss', 'it belongs to another attachment than its name says');
      const result = await this.#readResult(this.#file(record, resultSuffix));
      const partial = result === undefined ? await this.#readResult(this.#file(record, partialSuffix)) : undefined;
      return { ...record, result, ...(partial && { partial }) };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      if (errnoOf(error) !== undefined) throw error;
      this.#log.warn({ file, error: messageOf(error) }, 'a network attachment record is corrupt and was set aside');
      await rename(file, `${file}.corrupt`);
      return undefined;
    }
  }

  async #readResult(file: string): Promise<JsonObject | undefined> {
    try {
      return parseJsonObject(await readFile(file, 'utf8'), file);
    } catch (error) {
      // Not being flushed, it may be empty after a power cut.
      if (errnoOf(error) !== 'ENOENT') this.#log.warn({ file, error: messageOf(error) }, 'a network result cannot be read');
      return undefined;
    }
  }

  #file(key: AttachmentKey, suffix: string): string {
    return path.join(this.#folder, `${[key.containerId, key.network.name, key.ifName].join(separator)}${suffix}`);
  }
}

/** Writes a file whole or not at all, as far as a crash of podwright goes. */
async function writeResult(file: string, result: JsonObject): Promise<void> {
  await writeFile(`${file}.tmp`, JSON.stringify(result), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

function toRecord(json: JsonObject): Omit<CachedAttachment, 'result' | 'partial'> {
  const { network, capabilityArgs, args } = json;
  return {
    containerId: optionalString(json, 'containerId'),
    ifName: optionalString(json, 'ifName'),
    netnsPath: optionalString(json, 'netnsPath'),
    args: Array.isArray(args) ? (args as unknown[]).filter(isPair) : [],
    capabilityArgs: isJsonObject(capabilityArgs) ? capabilityArgs : {},
    network: toNetworkConf(isJsonObject(network) ? network : {}),
  };
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}
