import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { pullError, pullErrorKind, RegistryStalled, stripUrls } from '../../../src/image/pull-error.ts';
import type { ErrorKind } from '../../../src/lib/errors.ts';

describe('pull error', () => {
  // Texts as containerd 2.4 gives them.
  const table: readonly [string, ErrorKind][] = [
    ['failed to resolve image: failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.io/token: 401 Unauthorized', 'unauthenticated'],
    ['failed to resolve image: unexpected status from HEAD request to http://127.0.0.1:5000/v2/a/manifests/1: 401 Unauthorized', 'unauthenticated'],
    ['failed to resolve image: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials', 'unauthenticated'],
    ['failed to resolve image: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed', 'unauthenticated'],
    ['failed to resolve image: unexpected status from HEAD request to https://reg.io/v2/a/manifests/1: 403 Forbidden', 'permissionDenied'],
    ['failed to resolve image: unexpected status from HEAD request to https://reg.io/v2/a/manifests/1: 429 Too Many Requests', 'resourceExhausted'],
    ['failed to resolve image: failed to do request: Head "http://127.0.0.1:1/v2/a/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused', 'unavailable'],
    ['failed to resolve image: failed to do request: Head "https://nowhere.invalid/v2/": dial tcp: lookup nowhere.invalid: no such host', 'unavailable'],
    ['failed to resolve image: failed to do request: Head "https://reg.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority', 'unavailable'],
    ['failed to resolve image: unexpected status from HEAD request to https://reg.io/v2/a/manifests/1: 503 Service Unavailable', 'unavailable'],
    ['failed to copy: httpReadSeeker: failed open: unexpected EOF', 'unavailable'],
    ['failed to extract layer: write /x: no space left on device', 'resourceExhausted'],
    ['something nobody has seen before', 'unknown'],
  ];
  for (const [text, kind] of table) {
    it(`is ${kind} for: ${text.slice(-70)}`, () => {
      assert.equal(pullErrorKind('reg.io/app:1', new CodedError('unknown', text)), kind);
    });
  }

  it('is unknown and begins with the word that the kubelet knows for a registry that does not answer, and for nothing else', () => {
    const told = (error: Error): string => {
      const { kind, message } = pullError('reg.io/app:1', 'reg.io', error, (text) => text);
      return `${kind} ${message}`;
    };
    assert.match(told(new CodedError('unknown', 'dial tcp: connection refused')), /^unknown RegistryUnavailable: pull image/);
    assert.match(told(new RegistryStalled(5_000)), /^unknown RegistryUnavailable: pull image .*nothing came from the registry for 5 s$/);
    assert.match(told(new CodedError('unavailable', 'containerd cannot be reached')), /^unavailable pull image/);
    assert.match(told(new CodedError('unknown', '401 Unauthorized')), /^unauthenticated pull image/);
  });

  it('is not taken for what a tag or a path looks like', () => {
    const tags = ['401', '403-denied', '404', 'v1.429', '503', 'not-found.404'];
    for (const repository of ['reg.io/app', '404.io/503/forbidden', '127.0.0.1:403/tls.404']) {
      for (const tag of tags) {
        const [host, ...path] = repository.split('/');
        const url = `https://${host}/v2/${path.join('/')}/manifests/${tag}`;
        const kindFor = (text: string) => pullErrorKind(`${repository}:${tag}`, new CodedError('unknown', text));
        const tried = `pull image "${repository}:${tag}": failed to resolve image:`;
        assert.equal(kindFor(`${tried} failed to do request: Head "${url}": dial tcp 10.0.0.1:443: connect: connection refused`), 'unavailable');
        assert.equal(kindFor(`${tried} unexpected status from HEAD request to ${url}: 403 Forbidden`), 'permissionDenied');
        assert.equal(kindFor(`${tried} something nobody has seen before at ${host}`), 'unknown');
      }
    }
  });

  it('is a failed signature where an image verifier of containerd says no, whatever its reason', () => {
    const text = 'image verifier bindir blocked pull of reg.io/app:1 with digest sha256:ab for reason: access denied: not found';
    const error = pullError('reg.io/app:1', 'reg.io', new CodedError('unknown', text), (same) => same);
    assert.equal(error.kind, 'unknown');
    assert.equal(error.message, `SignatureValidationFailed: pull image "reg.io/app:1" from reg.io: ${text}`);
  });

  it('keeps a kind that is known already', () => {
    assert.equal(pullErrorKind('reg.io/app:1', new CodedError('notFound', 'x: not found')), 'notFound');
    assert.equal(pullErrorKind('reg.io/app:1', new CodedError('canceled', '401')), 'canceled');
  });

  it('names reference, host and cause, and none of the secrets', () => {
    const cause = new CodedError('unknown', 'GET https://u:pw1234@reg.io/x?sig=abcdef: 401 Unauthorized (pw-secret)');
    const error = pullError('reg.io/app:1', 'reg.io', cause, (text) => text.replaceAll('pw-secret', '[redacted]'));
    assert.equal(error.message, 'pull image "reg.io/app:1" from reg.io: GET https://reg.io/x: 401 Unauthorized ([redacted])');
    assert.equal(error.kind, 'unauthenticated');
    assert.equal(error.cause, undefined);
  });

  it('says what was tried once', () => {
    const cause = new CodedError('notFound', 'pull image "reg.io/app:1": failed to resolve image: not found');
    const error = pullError('reg.io/app:1', 'reg.io', cause, (text) => text);
    assert.equal(error.message, 'pull image "reg.io/app:1" from reg.io: failed to resolve image: not found');
  });

  it('takes queries, fragments and users out of URLs', () => {
    assert.equal(stripUrls('a "https://x.io/b?c=d&e" f'), 'a "https://x.io/b" f');
    assert.equal(stripUrls('to http://x.io/b#c: bad'), 'to http://x.io/b: bad');
    assert.equal(stripUrls('to http://x.io:5000/b: 404'), 'to http://x.io:5000/b: 404');
    assert.equal(stripUrls('no url?x=1'), 'no url?x=1');
  });
});
