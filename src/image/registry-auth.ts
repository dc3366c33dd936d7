import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { CodedError } from '../lib/errors.ts';
import type { Credentials } from './ports.ts';

/** CRI AuthConfig, as PullImage carries it. */
export interface AuthConfig {
  readonly username: string;
  readonly password: string;
  /** base64 of `username:password`. */
  readonly auth: string;
  readonly serverAddress: string;
  readonly identityToken: string;
  readonly registryToken: string;
}

type Secret = Credentials | { readonly kind: 'bearer'; readonly secret: string };

/**
 * A caller's credentials for one registry. They are handed out for a host that they are meant for and in no other
 * way: the object prints as `[credentials]`, in logs, in JSON and under a debugger's inspect.
 */
export class RegistryAuth {
  readonly #secret: Secret | undefined;
  /** Undefined when the caller named no server: then they are for whatever serves the reference. */
  readonly #hosts: ReadonlySet<string> | undefined;

  constructor(secret: Secret | undefined, hosts: ReadonlySet<string> | undefined) {
    this.#secret = secret;
    this.#hosts = hosts;
  }

  /**
   * What to answer a registry at `host` that asks who is there. `endpoints` are the hosts that serve the
   * reference; a host that is none of them, such as the target of a redirect, gets nothing.
   */
  forHost(host: string, endpoints: ReadonlySet<string>): Credentials | undefined {
    const secret = this.#secret;
    if (secret === undefined || secret.kind === 'bearer' || !this.#isFor(host, endpoints)) return undefined;
    return secret;
  }

  /**
   * The Authorization header for a registry token. A header goes to every endpoint of the reference, so there is
   * none unless the token is meant for each of them.
   */
  bearerHeader(endpoints: ReadonlySet<string>): string | undefined {
    const secret = this.#secret;
    if (secret?.kind !== 'bearer') return undefined;
    for (const host of endpoints) if (!this.#isFor(host, endpoints)) return undefined;
    return `Bearer ${secret.secret}`;
  }

  /** Whether this is a registry token, which only `bearerHeader` gives out. */
  get isBearer(): boolean {
    return this.#secret?.kind === 'bearer';
  }

  /** Whether there is nothing to give to anybody. */
  get isAnonymous(): boolean {
    return this.#secret === undefined;
  }

  /** Equal for equal credentials and telling nothing about them; for keys in memory, not for logs. */
  get fingerprint(): string {
    if (this.#secret === undefined) return 'anonymous';
    const hosts = this.#hosts === undefined ? null : [...this.#hosts].sort();
    return createHash('sha256').update(JSON.stringify([this.#secret, hosts])).digest('hex');
  }

  /** `text` without the credentials, in case a registry's answer repeats them. */
  redact(text: string): string {
    const secret = this.#secret;
    if (secret === undefined) return text;
    const plain = secret.kind === 'basic' ? `${secret.username}:${secret.secret}` : secret.secret;
    const forms = [secret.secret, Buffer.from(plain).toString('base64'), encodeURIComponent(secret.secret)];
    // Shorter ones would blank out ordinary words, and are no secrets.
    return forms.filter((form) => form.length >= 4).reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
  }

  toString(): string {
    return '[credentials]';
  }

  toJSON(): string {
    return '[credentials]';
  }

  [inspect.custom](): string {
    return '[credentials]';
  }

  #isFor(host: string, endpoints: ReadonlySet<string>): boolean {
    return endpoints.has(host.toLowerCase()) && (this.#hosts === undefined || this.#hosts.has(host.toLowerCase()));
  }
}

/** No credentials. */
export const anonymousAuth = new RegistryAuth(undefined, undefined);

/**
 * Reads CRI's AuthConfig. A registry token goes first, then a name with its password, an identity token, and `auth`.
 * Fails with invalidArgument, never telling a value, for an `auth` or a server address that can't be read.
 */
export function parseAuthConfig(config: AuthConfig | null | undefined): RegistryAuth {
  if (config === null || config === undefined) return anonymousAuth;
  const secret = parseSecret(config);
  if (secret === undefined) return anonymousAuth;
  return new RegistryAuth(secret, config.serverAddress === '' ? undefined : hostsOf(config.serverAddress));
}

function parseSecret(config: AuthConfig): Secret | undefined {
  if (config.registryToken !== '') {
    // It is sent as it is, in a header.
    if (/\p{Cc}/u.test(config.registryToken)) {
      throw new CodedError('invalidArgument', 'auth.registry_token is not a token: it holds control characters');
    }
    return { kind: 'bearer', secret: config.registryToken };
  }
  if (config.username !== '' && config.password !== '') {
    return { kind: 'basic', username: config.username, secret: config.password };
  }
  if (config.identityToken !== '') return { kind: 'refresh', secret: config.identityToken };
  if (config.auth !== '') return parseBasic(config.auth);
  return config.username === '' ? undefined : { kind: 'basic', username: config.username, secret: config.password };
}

/** Docker's `auth`: base64 of `name:password`; old clients padded the password with NULs. */
function parseBasic(auth: string): Credentials {
  const compact = auth.replace(/\s/g, '');
  const decoded = Buffer.from(compact, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (!/^[A-Za-z0-9+/_-]+=*$/.test(compact) || colon < 0) {
    throw new CodedError('invalidArgument', 'auth.auth is not base64 of "username:password"');
  }
  const secret = decoded.slice(colon + 1).replace(/^\0+|\0+$/g, '');
  return { kind: 'basic', username: decoded.slice(0, colon), secret };
}

// Docker Hub's names: the one in references, the one in old credential files, and the one that answers.
const DOCKER_HUB = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/**
 * The hosts that a server address means: `https://index.docker.io/v1/`, `registry:5000`, `http://[::1]:80/path`.
 * The scheme's own port may be left out on either side; the path says nothing about where the registry is.
 */
export function hostsOf(serverAddress: string): ReadonlySet<string> {
  const match = /^(?:(https?):\/\/)?(?:[^/@]*@)?([^/?#]+)/i.exec(serverAddress.trim());
  const authority = match?.[2]?.toLowerCase();
  if (authority === undefined || !/^(?:[a-z0-9._-]+|\[[a-f0-9:]+\])(?::[0-9]+)?$/.test(authority)) {
    throw new CodedError('invalidArgument', 'auth.server_address is not the address of a registry');
  }
  const ownPort = match?.[1]?.toLowerCase() === 'http' ? ':80' : ':443';
  const bare = authority.endsWith(ownPort) ? authority.slice(0, -ownPort.length) : authority;
  if (DOCKER_HUB.includes(bare)) return new Set(DOCKER_HUB);
  return /:[0-9]+$/.test(bare) ? new Set([bare]) : new Set([bare, `${bare}${ownPort}`]);
}
