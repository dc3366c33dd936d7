import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { messageOf, wrapError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** A certificate and its key, as PEM. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificate of the streaming server, which follows its files: whatever renews it needs no restart. */
export class Certificate {
  readonly #files: { readonly cert: string; readonly key: string };
  readonly #log: Log;
  #current: CertificatePair;
  #onChange: (next: CertificatePair) => void = () => {};

  private constructor(files: Certificate['files'], current: CertificatePair, log: Log) {
    this.#files = files;
    this.#current = current;
    this.#log = log;
  }

  /** Reads the files; fails where they cannot be read or do not belong together. */
  static async load(files: { readonly cert: string; readonly key: string }, log: Log): Promise<Certificate> {
    return new Certificate(files, await readPair(files), log);
  }

  get files(): { readonly cert: string; readonly key: string } {
    return this.#files;
  }

  get current(): CertificatePair {
    return this.#current;
  }

  /** Calls `listener` with a pair that has taken the place of the last. */
  onChange(listener: (next: CertificatePair) => void): void {
    this.#onChange = listener;
  }

  /** Looks at the files again. What is wrong there, as while they are being replaced, is reported and the old stays. */
  async refresh(): Promise<void> {
    try {
      const next = await readPair(this.#files);
      if (next.cert.equals(this.#current.cert) && next.key.equals(this.#current.key)) return;
      this.#current = next;
      this.#onChange(next);
      this.#log.info({ cert: this.#files.cert }, 'the streaming server has a new certificate');
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the certificate of the streaming server cannot be read anew');
    }
  }
}

async function readPair(files: { readonly cert: string; readonly key: string }): Promise<CertificatePair> {
  try {
    const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    throw wrapError(`load the certificate ${files.cert} with the key ${files.key}`, error);
  }
}
