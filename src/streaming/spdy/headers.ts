import { constants, createInflate, type Inflate } from 'node:zlib';
import { CodedError } from '../../lib/errors.ts';
import { headerDictionary } from './dictionary.ts';
import { protocolError } from './frame.ts';

/** The names, in lower case, and values of a header block. */
export type Headers = ReadonlyMap<string, string>;

/** What one header block may have, unpacked. */
const maxBlockBytes = 64 * 1024;
const maxHeaders = 64;

/**
 * Unpacks the header blocks of one connection. They all share one zlib stream, so every block has to come through
 * here in its order, also those of frames that nobody asks for.
 */
export class HeaderReader {
  readonly #inflate: Inflate;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #failure: Error | undefined;

  constructor() {
    const flush = constants.Z_SYNC_FLUSH;
    this.#inflate = createInflate({ dictionary: headerDictionary(), flush, finishFlush: flush });
    this.#inflate.on('data', (chunk: Buffer) => this.#collect(chunk));
    this.#inflate.on('error', (error) => (this.#failure ??= error));
  }

  /** The headers of the next block; a protocol error when it cannot be unpacked, is too large, or is none. */
  async read(block: Buffer): Promise<Headers> {
    this.#chunks = [];
    this.#bytes = 0;
    await new Promise<void>((resolve) => {
      this.#inflate.once('close', resolve);
      this.#inflate.write(block, () => {
        this.#inflate.off('close', resolve);
        resolve();
      });
    });
    if (this.#failure instanceof CodedError) throw this.#failure;
    if (this.#failure !== undefined) throw protocolError(`a header block that cannot be unpacked: ${this.#failure.message}`);
    if (this.#inflate.destroyed) throw protocolError('a header block after the end');
    return parseHeaderBlock(Buffer.concat(this.#chunks));
  }

  close(): void {
    this.#inflate.destroy();
  }

  // A few bytes can unpack to a thousand times as many: what is too much ends the stream between two chunks.
  #collect(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= maxBlockBytes) this.#chunks.push(chunk);
    else this.#inflate.destroy(protocolError(`a header block of more than ${maxBlockBytes} bytes`));
  }
}

/** Takes an unpacked header block apart: a count, then names and values, each with its length in front (2.6.10). */
export function parseHeaderBlock(block: Buffer): Headers {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw protocolError('a header block that ends too soon');
    const value = block.readUInt32BE(at);
    at += 4;
    return value;
  };
  const text = (): string => {
    const length = number();
    if (length > block.length - at) throw protocolError('a header that is longer than its block');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const count = number();
  if (count > maxHeaders) throw protocolError(`${count} headers, more than ${maxHeaders}`);
  const headers = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = text();
    headers.set(name.toLowerCase(), text());
  }
  return headers;
}

// zlib's head, with the mark that a dictionary is used left out: nothing is referred to.
const zlibHead = Buffer.from([0x78, 0x01]);
// One stored block with the number 0, and an empty one behind it: without that mark of a flush Go's reader waits for
// more and takes it from the next frame.
const noHeaders = Buffer.from('000400fbff00000000' + '000000ffff', 'hex');

/** A header block without headers; what SYN_REPLY needs, and no compressor for it. */
export function emptyHeaderBlock(isFirst: boolean): Buffer {
  return isFirst ? Buffer.concat([zlibHead, noHeaders]) : noHeaders;
}
