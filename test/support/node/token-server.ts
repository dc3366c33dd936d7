import { execFile } from 'node:child_process';
import { createPrivateKey, randomUUID, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a registry has to know of the server whose tokens it takes (distribution's `auth.token`). */
export interface TokenAuth {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The PEM file of the certificate by which tokens are known. */
  readonly rootcertbundle: string;
}

/** One request that the server had; secrets as they came. */
export interface TokenRequest {
  readonly method: string;
  readonly authorization: string;
  readonly scopes: readonly string[];
  readonly grant: string;
}

/** Who gets tokens, and what for: to pull, and only what it asks for. */
export interface TokenServerOptions {
  readonly folder: string;
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
}

/** A token server as registries have them beside them (distribution-spec "token authentication"). */
export class TokenServer {
  readonly requests: TokenRequest[] = [];
  readonly #options: TokenServerOptions;
  readonly #server: Server;
  #key: KeyObject | undefined;
  #certificate = '';

  constructor(options: TokenServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.writeHead(500).end());
    });
  }

  async start(): Promise<TokenAuth> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true });
    const [key, cert] = [path.join(folder, 'token.key'), path.join(folder, 'token.pem')];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
    await run('openssl', ['req', '-x509', ...newKey, '-out', cert, '-days', '30', '-subj', '/CN=tokens']);
    this.#key = createPrivateKey(await readFile(key));
    this.#certificate = new X509Certificate(await readFile(cert)).raw.toString('base64');
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return { realm: `http://127.0.0.1:${port}/token`, service: 'registry', issuer: 'tokens', rootcertbundle: cert };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** A token for repositories and what may be done there, as the registry takes it. */
  token(access: readonly { readonly name: string; readonly actions: readonly string[] }[]): string {
    if (this.#key === undefined) throw new Error('the token server is not started');
    const nowS = Math.floor(Date.now() / 1000);
    const header = { typ: 'JWT', alg: 'ES256', x5c: [this.#certificate] };
    const claims = {
      iss: 'tokens',
      aud: 'registry',
      sub: 'robot',
      jti: randomUUID(),
      iat: nowS,
      nbf: nowS - 60,
      exp: nowS + 600,
      access: access.map((one) => ({ type: 'repository', ...one })),
    };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const asked = method === 'POST' ? new URLSearchParams(await text(request)) : new URL(url, 'http://x').searchParams;
    const scopes = asked.getAll('scope').flatMap((scope) => scope.split(' '));
    const authorization = request.headers.authorization ?? '';
    const grant = asked.get('grant_type') ?? '';
    this.requests.push({ method, authorization, scopes, grant });
    // As many servers do, it takes no password by POST; clients then ask with GET.
    if (method === 'POST' && grant !== 'refresh_token') return void response.writeHead(405).end();
    const { username, password, identityToken } = this.#options;
    const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const isKnown = method === 'POST' ? asked.get('refresh_token') === identityToken : authorization === basic;
    if (!isKnown && (method === 'POST' || authorization !== '')) return void response.writeHead(401).end('{"details":"who is that?"}');
    // Whoever shows nothing gets a token too: one that is good for nothing.
    const repositories = isKnown ? scopes.map((scope) => scope.split(':')[1] ?? '') : [];
    const token = this.token(repositories.map((name) => ({ name, actions: ['pull'] })));
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ token, access_token: token, expires_in: 600 }));
  }
}
