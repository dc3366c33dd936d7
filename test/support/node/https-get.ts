import { request } from 'node:https';

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
