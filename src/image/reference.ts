import { CodedError, invalidField } from '../lib/errors.ts';

/** An image reference in its whole form: `registry.k8s.io/pause:3.10`, `docker.io/library/busybox@sha256:…`. */
export interface Reference {
  /** The registry's name, with its port where one was given. */
  readonly domain: string;
  /** `domain/path`, what tags and digests hang on. */
  readonly repository: string;
  /** Set when there is no digest. */
  readonly tag?: string;
  readonly digest?: string;
  /** The reference as one string, the name of containerd's image record. */
  readonly name: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const MAX_PATH_LENGTH = 255;
// A path, a tag and the longest digest fit several times; it only keeps absurd input away from the patterns.
const MAX_LENGTH = 4096;

const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;
const BARE_ID = /^[a-f0-9]{64}$/;

/** Whether `text` is a whole digest such as `sha256:<64 hex>`. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/**
 * Completes and checks an image reference as Docker and containerd do: `busybox` is
 * `docker.io/library/busybox:latest`, and of a tag and a digest the digest alone is kept, because it says more.
 * Fails with invalidArgument that names `field`.
 */
export function parseReference(text: string, field = 'image.image'): Reference {
  const refuse = (why: string): CodedError => invalidField(field, text.length > 300 ? `${text.slice(0, 300)}…` : text, why);
  if (text === '') throw refuse('an image reference is needed');
  if (text.length > MAX_LENGTH) throw refuse(`longer than ${MAX_LENGTH} characters`);
  // Docker would take the first for a tag of an image called "sha256"; nobody means that.
  if (isDigest(text) || BARE_ID.test(text)) throw refuse('this is an image id, not a name to pull by');

  const { domain, rest } = splitDomain(text);
  if (!DOMAIN.test(domain)) throw refuse(`"${domain}" is no registry name`);
  const { path, tag, digest } = splitRest(rest);
  checkPath(path, refuse);
  if (tag !== undefined && !TAG.test(tag)) throw refuse(`"${tag}" is no tag`);
  if (digest !== undefined && !isDigest(digest)) throw refuse(`"${digest}" is no digest`);

  const repository = `${domain}/${path}`;
  if (digest !== undefined) return { domain, repository, digest, name: `${repository}@${digest}` };
  const chosen = tag ?? 'latest';
  return { domain, repository, tag: chosen, name: `${repository}:${chosen}` };
}

/** As parseReference, but undefined for what is no reference. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

/** The host that is asked for a domain's images where no hosts.toml says otherwise. */
export function registryHost(domain: string): string {
  return domain === DEFAULT_DOMAIN ? 'registry-1.docker.io' : domain;
}

/**
 * Whether the first component is a registry or a part of a Docker Hub path is guessed from its looks: a dot, a
 * colon, an upper-case letter or the word localhost make it a registry. A lone component never is one.
 */
function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  let domain = DEFAULT_DOMAIN;
  let rest = text;
  if (first === 'index.docker.io') {
    rest = text.slice(slash + 1);
  } else if (slash >= 0 && (first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase())) {
    domain = first;
    rest = text.slice(slash + 1);
  }
  if (domain === DEFAULT_DOMAIN && !rest.includes('/')) rest = `library/${rest}`;
  return { domain, rest };
}

function splitRest(rest: string): { path: string; tag?: string; digest?: string } {
  const at = rest.indexOf('@');
  const named = at < 0 ? rest : rest.slice(0, at);
  const colon = named.indexOf(':');
  return {
    path: colon < 0 ? named : named.slice(0, colon),
    ...(colon >= 0 && { tag: named.slice(colon + 1) }),
    ...(at >= 0 && { digest: rest.slice(at + 1) }),
  };
}

function checkPath(path: string, refuse: (why: string) => CodedError): void {
  if (path !== path.toLowerCase()) throw refuse('the repository name must be lower case');
  if (path.length > MAX_PATH_LENGTH) throw refuse(`the repository name is longer than ${MAX_PATH_LENGTH} characters`);
  for (const component of path.split('/')) {
    if (!PATH_COMPONENT.test(component)) throw refuse(`"${component}" is no part of a repository name`);
  }
}
