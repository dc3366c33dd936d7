import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { anonymousAuth, hostsOf, parseAuthConfig } from '../../../src/image/registry-auth.ts';
import type { AuthConfig } from '../../../src/image/registry-auth.ts';

const none: AuthConfig = { username: '', password: '', auth: '', serverAddress: '', identityToken: '', registryToken: '' };
const here = new Set(['reg.io']);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('registry credentials', () => {
  const table: readonly [string, Partial<AuthConfig>, unknown][] = [
    ['nothing', {}, undefined],
    ['a name and a password', { username: 'u', password: 'p' }, { kind: 'basic', username: 'u', secret: 'p' }],
    ['auth', { auth: base64('u:p:q') }, { kind: 'basic', username: 'u', secret: 'p:q' }],
    ['auth padded with NULs', { auth: base64('u:p\0\0\0') }, { kind: 'basic', username: 'u', secret: 'p' }],
    ['auth without base64 padding', { auth: base64('user:pa').replace(/=+$/, '') }, { kind: 'basic', username: 'user', secret: 'pa' }],
    ['an identity token', { identityToken: 't' }, { kind: 'refresh', secret: 't' }],
    ['an identity token beside a name', { username: 'u', identityToken: 't' }, { kind: 'refresh', secret: 't' }],
    ['a password beside an identity token', { username: 'u', password: 'p', identityToken: 't' }, { kind: 'basic', username: 'u', secret: 'p' }],
    ['a registry token', { registryToken: 't' }, undefined],
  ];
  for (const [what, config, expected] of table) {
    it(`from ${what}`, () => {
      assert.deepEqual(parseAuthConfig({ ...none, ...config }).forHost('reg.io', here), expected);
    });
  }

  it('are nobody’s when none were sent', () => {
    assert.equal(parseAuthConfig(null), anonymousAuth);
    assert.equal(parseAuthConfig(none).isAnonymous, true);
  });

  it('refuse an auth or a server address that can’t be read, without repeating it', () => {
    for (const auth of ['not base64!', base64('nocolon-secret'), '====']) {
      assert.throws(() => parseAuthConfig({ ...none, auth }), (error: Error) => {
        assert.equal(error.message, 'auth.auth is not base64 of "username:password"');
        return true;
      });
    }
    assert.throws(() => parseAuthConfig({ ...none, registryToken: 's3cret\r\nX: y' }), (error: Error) => {
      assert.match(error.message, /^auth\.registry_token /);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
    const serverAddress = 'https://u:s3cret@/';
    assert.throws(() => parseAuthConfig({ ...none, username: 'u', password: 'p', serverAddress }), (error: Error) => {
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  });

  const servers: readonly [string, string, boolean][] = [
    ['reg.io', 'reg.io', true],
    ['REG.io', 'reg.io', true],
    ['https://reg.io', 'reg.io', true],
    ['https://reg.io/v2/', 'reg.io', true],
    ['reg.io/project', 'reg.io', true],
    ['https://user@reg.io', 'reg.io', true],
    ['https://reg.io:443', 'reg.io', true],
    ['https://reg.io', 'reg.io:443', true],
    ['http://reg.io', 'reg.io:80', true],
    ['https://reg.io', 'reg.io:80', false],
    ['reg.io:5000', 'reg.io:5000', true],
    ['reg.io:5000', 'reg.io', false],
    ['reg.io', 'reg.io:5000', false],
    ['reg.io', 'evil-reg.io', false],
    ['reg.io', 'reg.io.evil.com', false],
    ['https://[::1]:5000/v1', '[::1]:5000', true],
    ['https://index.docker.io/v1/', 'registry-1.docker.io', true],
    ['docker.io', 'registry-1.docker.io', true],
  ];
  for (const [server, host, given] of servers) {
    it(`for ${server} are ${given ? '' : 'not '}given to ${host}`, () => {
      const auth = parseAuthConfig({ ...none, username: 'u', password: 'p', serverAddress: server });
      assert.equal(auth.forHost(host, new Set([host])) !== undefined, given);
    });
  }

  it('are never given to a host that does not serve the image', () => {
    const auth = parseAuthConfig({ ...none, username: 'u', password: 'p' });
    assert.equal(auth.forHost('cdn.evil.com', here), undefined);
    assert.equal(auth.forHost('reg.io:5000', here), undefined);
  });

  it('as a registry token make a header only when it is meant for every endpoint', () => {
    const both = new Set(['mirror.io', 'reg.io']);
    const open = parseAuthConfig({ ...none, registryToken: 'tok' });
    const bound = parseAuthConfig({ ...none, registryToken: 'tok', serverAddress: 'reg.io' });
    assert.equal(open.bearerHeader(both), 'Bearer tok');
    assert.equal(bound.bearerHeader(here), 'Bearer tok');
    assert.equal(bound.bearerHeader(both), undefined);
  });

  it('show themselves nowhere', () => {
    const config = { ...none, username: 'robot', password: 'hunter2hunter2', serverAddress: 'reg.io' };
    const auth = parseAuthConfig(config);
    const shown = [String(auth), JSON.stringify({ auth }), inspect(auth, { depth: 9, showHidden: true }), `${auth.fingerprint}`];
    for (const text of shown) assert.doesNotMatch(text, /hunter2|robot/);
  });

  it('are taken out of texts, plain and in base64', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string(), fc.string(), (password, before, after) => {
        const auth = parseAuthConfig({ ...none, username: 'u', password });
        for (const form of [password, base64(`u:${password}`)]) {
          assert.equal(auth.redact(`${before}${form}${after}`).includes(form) && !'[redacted]'.includes(form), false);
        }
      }),
    );
  });

  it('have equal fingerprints when they are equal only', () => {
    const one = parseAuthConfig({ ...none, username: 'u', password: 'p' });
    assert.equal(one.fingerprint, parseAuthConfig({ ...none, auth: base64('u:p') }).fingerprint);
    assert.notEqual(one.fingerprint, parseAuthConfig({ ...none, username: 'u', password: 'q' }).fingerprint);
    assert.notEqual(one.fingerprint, parseAuthConfig({ ...none, username: 'u', password: 'p', serverAddress: 'x.io' }).fingerprint);
    assert.equal(anonymousAuth.fingerprint, 'anonymous');
  });

  it('know one host by its scheme’s port or without', () => {
    assert.deepEqual([...hostsOf('http://reg.io/')].sort(), ['reg.io', 'reg.io:80']);
    assert.deepEqual([...hostsOf('reg.io:5000')], ['reg.io:5000']);
  });
});
