import { request } from 'node:https';
import { createInterface } from 'node:readline';

/** Where to ask over HTTPS, and as whom. */
export interface HttpsPeer {
  readonly host: string;
  readonly port: number;
  /** Whose certificates to believe; any where not said. All of these in PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** GETs a path and returns the answer's body; throws when the status is not 200 or nothing comes for 10 s. */
export function httpsGet(peer: HttpsPeer, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ ...peer, path, rejectUnauthorized: peer.ca !== undefined, timeout: 10_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`GET ${path}: ${response.statusCode} ${body}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`GET ${path}: no answer in 10 s`)));
    call.on('error', reject);
    call.end();
  });
}

/** What hears an answer that goes on. */
export interface LineListener {
  line(text: string): void;
  /** The answer has ended, by itself or because the connection failed; not told after it was closed by hand. */
  end(error: Error): void;
}

/** GETs a path whose answer goes on line by line, as a watch's does; returns how to close it. */
export function httpsLines(peer: HttpsPeer, path: string, listener: LineListener): () => void {
  let isClosed = false;
  const end = (error: Error): void => {
    if (!isClosed) listener.end(new Error(`GET ${path}: ${error.message}`));
    isClosed = true;
  };
  const call = request({ ...peer, path, rejectUnauthorized: peer.ca !== undefined }, (response) => {
    response.on('error', end);
    if (response.statusCode !== 200) end(new Error(`status ${response.statusCode}`));
    const lines = createInterface({ input: response });
    // It hands on the errors of what it reads.
    lines.on('error', end);
    lines.on('line', (text) => {
      if (!isClosed) listener.line(text);
    });
    lines.on('close', () => end(new Error('the answer has ended')));
  });
  call.on('error', end);
  call.end();
  return () => {
    isClosed = true;
    call.destroy();
  };
}
