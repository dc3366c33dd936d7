import { CodedError, kindOf, messageOf } from '../lib/errors.ts';
import type { ErrorKind, ErrorReason } from '../lib/errors.ts';

// containerd hands a registry's failure on as text with the code UNKNOWN, so here, and only here, text is matched.
// The order counts: a refused login is often told as "pull access denied … 403 …: authorization failed".
const CAUSES: readonly (readonly [RegExp, ErrorKind])[] = [
  [/\b401\b|unauthorized|authorization failed|authentication required|no basic auth credentials|invalid_token/i, 'unauthenticated'],
  [/\b403\b|forbidden|access denied|insufficient_scope|denied:/i, 'permissionDenied'],
  [/\b429\b|too many requests|toomanyrequests/i, 'resourceExhausted'],
  [/no space left on device/i, 'resourceExhausted'],
  [/no match for platform/i, 'notFound'],
  [/\b404\b|not found|manifest unknown|name unknown|repository does not exist/i, 'notFound'],
  [
    /connection refused|connection reset|no such host|server misbehaving|i\/o timeout|timeout exceeded|context deadline exceeded|handshake timeout|network is unreachable|no route to host|host is down|broken pipe|unexpected EOF|: EOF|x509:|tls:|http: server gave HTTP response|\b50[0-4]\b/i,
    'unavailable',
  ],
];

// What an image verifier of containerd's Transfer service refuses (its bindir plugin).
const REFUSED_BY_VERIFIER = /image verifier \S+ (?:blocked pull|returned error)/;

/** What a pull's failure is to the kubelet. That containerd can't be reached is none of the registry's failures. */
function reasonOf(error: unknown, kind: ErrorKind): ErrorReason | undefined {
  if (REFUSED_BY_VERIFIER.test(messageOf(error))) return 'SignatureValidationFailed';
  const isContainerds = error instanceof CodedError && error.kind === 'unavailable' && !(error instanceof RegistryStalled);
  return kind === 'unavailable' && !isContainerds ? 'RegistryUnavailable' : undefined;
}

/** Whether containerd's transfer plugin has no unpack configuration for the snapshotter that it was asked for. */
export function isNotUnpacked(error: unknown): boolean {
  return /no unpack platforms? (?:defined|matched)/.test(messageOf(error));
}

/** What ends a pull whose registry has gone silent. */
export class RegistryStalled extends CodedError {
  constructor(timeoutMs: number) {
    super('unavailable', `nothing came from the registry for ${Math.round(timeoutMs / 1000)} s`);
  }
}

/** What kind of failure the error of pulling `name` is; errors that already say so keep their kind. */
export function pullErrorKind(name: string, error: unknown): ErrorKind {
  const kind = kindOf(error);
  if (kind !== 'unknown' && kind !== 'internal') return kind;
  const text = messageOf(error);
  // The verifier's own reason may hold any of the words below.
  if (REFUSED_BY_VERIFIER.test(text)) return 'unknown';
  const cause = withoutPlaces(text, name);
  return CAUSES.find(([pattern]) => pattern.test(cause))?.[1] ?? kind;
}

/** `text` without URLs and the image's name: a tag such as `404` is the number of a build, and no answer. */
function withoutPlaces(text: string, name: string): string {
  const [domain = ''] = name.split('/', 1);
  return text.replace(/https?:\/\/[^\s"'<>]*/gi, ' ').replaceAll(name, ' ').replaceAll(domain, ' ');
}

/**
 * The error that a pull fails with: reference, host and cause. Query strings and user names in URLs go, because
 * redirects to object stores carry signatures there; `redact` takes the caller's own secrets out. Its kind is unknown
 * where it has a reason: the kubelet's client takes the status off an UNKNOWN and no other, and only a message that
 * then begins with the reason becomes the reason of a waiting container (Kubernetes 1.37, cri-client
 * pkg/remote_image.go and pkg/kubelet/images/image_manager.go).
 */
export function pullError(name: string, host: string, error: unknown, redact: (text: string) => string): CodedError {
  const kind = pullErrorKind(name, error);
  const reason = reasonOf(error, kind);
  const text = messageOf(error);
  const known = `pull image "${name}": `; // as the containerd client begins it
  const cause = redact(stripUrls(text.startsWith(known) ? text.slice(known.length) : text));
  return new CodedError(reason === undefined ? kind : 'unknown', `pull image "${name}" from ${host}: ${cause}`, { reason });
}

/** `text` with the secrets that URLs carry taken out. */
export function stripUrls(text: string): string {
  return text.replace(/(https?:\/\/)([^\s"'<>]*)/gi, (_, scheme: string, rest: string) => {
    const [place = ''] = rest.split(/[?#]/, 1);
    const tail = rest.length > place.length ? (/[:,;.]+$/.exec(rest)?.[0] ?? '') : '';
    return `${scheme}${place.replace(/^[^/@]*@/, '')}${tail}`;
  });
}
