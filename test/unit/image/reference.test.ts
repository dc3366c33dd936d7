import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CodedError } from '../../../src/lib/errors.ts';
import { parseReference, registryHost, tryParseReference } from '../../../src/image/reference.ts';

const hex = 'a'.repeat(64);

describe('image reference', () => {
  const completed: readonly [string, string][] = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['user/app', 'docker.io/user/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/user/app:v1', 'docker.io/user/app:v1'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a/b/c:t', '127.0.0.1:5000/a/b/c:t'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['Registry/app', 'Registry/app:latest'],
    ['host:5000/app', 'host:5000/app:latest'],
    [`busybox@sha256:${hex}`, `docker.io/library/busybox@sha256:${hex}`],
    [`busybox:1.36@sha256:${hex}`, `docker.io/library/busybox@sha256:${hex}`],
    [`q.io/a@sha512:${hex}${hex}`, `q.io/a@sha512:${hex}${hex}`],
    ['a--b/c__d/e.f-g:T_a.g-1', 'docker.io/a--b/c__d/e.f-g:T_a.g-1'],
    [`a/${'b'.repeat(253)}`, `docker.io/a/${'b'.repeat(253)}:latest`],
    [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`],
    // A lone component is never a registry, so this is a tag and no port.
    ['localhost:5000', 'docker.io/library/localhost:5000'],
  ];
  for (const [given, name] of completed) {
    it(`reads ${given.slice(0, 60)} as ${name.slice(0, 60)}`, () => {
      assert.equal(parseReference(given).name, name);
    });
  }

  const refused: readonly [string, RegExp][] = [
    ['', /needed/],
    ['Busybox', /lower case/],
    ['user/App', /lower case/],
    ['docker.io/Library/busybox', /lower case/],
    [hex, /image id/],
    [`sha256:${hex}`, /image id/],
    ['busybox:', /tag/],
    ['busybox:-x', /tag/],
    [`a:${'t'.repeat(129)}`, /tag/],
    ['busybox@sha256:abc', /digest/],
    [`busybox@sha256:${'A'.repeat(64)}`, /digest/],
    [`busybox@md5:${hex}`, /digest/],
    ['a//b', /repository name/],
    ['/a', /repository name/],
    ['a/', /repository name/],
    ['a_b_/c', /repository name/],
    ['-a', /repository name/],
    ['bad_host.io:80/x', /registry name/],
    ['host.io:port/x', /registry name/],
    ['https://host.io/x', /./],
    ['a b', /repository name/],
    ['a\n', /repository name/],
    [`a/${'b'.repeat(254)}`, /255/],
    ['x'.repeat(5000), /4096/],
  ];
  for (const [given, why] of refused) {
    it(`refuses ${JSON.stringify(given.slice(0, 60))}`, () => {
      assert.throws(
        () => parseReference(given),
        (error) => error instanceof CodedError && error.kind === 'invalidArgument' && why.test(error.message),
      );
    });
  }

  it('names the field and keeps an absurdly long value out of the message', () => {
    assert.throws(() => parseReference('X'.repeat(4000), 'image.user_specified_image'), (error: Error) => {
      assert.match(error.message, /^image\.user_specified_image is /);
      return error.message.length < 600;
    });
  });

  it('leaves a completed reference as it is', () => {
    fc.assert(
      fc.property(anyReference, (text) => {
        const { name } = parseReference(text);
        assert.equal(parseReference(name).name, name);
      }),
    );
  });

  it('is its repository with either a tag or a digest', () => {
    fc.assert(
      fc.property(anyReference, (text) => {
        const { name, repository, tag, digest } = parseReference(text);
        assert.equal((tag === undefined) !== (digest === undefined), true);
        assert.equal(name, tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`);
      }),
    );
  });

  it('answers any text quickly with a reference or with nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9._:@/-]{0,200}$/)), (text) => {
        const reference = tryParseReference(text);
        if (reference !== undefined) assert.equal(parseReference(reference.name).name, reference.name);
      }),
    );
  });

  it('knows where Docker Hub is', () => {
    assert.equal(registryHost('docker.io'), 'registry-1.docker.io');
    assert.equal(registryHost('quay.io'), 'quay.io');
  });
});

const component = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
const anyReference = fc
  .record({
    domain: fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'localhost/', 'q.io:5000/', '[::1]/', 'UP/'),
    first: fc.stringMatching(/^[a-z0-9]{1,8}((_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/),
    rest: fc.array(component, { maxLength: 3 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/)),
    digest: fc.option(fc.stringMatching(/^[a-f0-9]{64}$/)),
  })
  .map(({ domain, first, rest, tag, digest }) => `${domain}${[first, ...rest].join('/')}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@sha256:${digest}`}`)
  .filter((text) => !/^[a-f0-9]{64}$/.test(text));
