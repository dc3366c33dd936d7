import assert from 'node:assert/strict';
import { chainIdOf, parseManifestOrIndex } from '../../../src/image/oci.ts';
import { readImageDetails, splitUser } from '../../../src/image/image.ts';
import { canRun, hostPlatform, isSamePlatform } from '../../../src/image/platform.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { amd64, arm64, FakeContent, sha256 } from './fakes.ts';

describe('image details', () => {
  it('take the platform manifest of an index, its config digest as id, and all sizes together', async () => {
    const content = new FakeContent();
    const mine = content.image({ config: { User: '1000:1000', Env: ['A=1'] }, layerBytes: 5000, annotations: { a: 'b' } });
    const other = content.image({ platform: arm64 });
    const index = content.index([
      { target: other, platform: arm64 },
      { target: content.put({}), platform: { os: 'unknown', architecture: 'unknown' } },
      { target: mine, platform: amd64 },
    ]);
    const details = await readImageDetails(content, index, amd64);
    const configDigest = configOf(content, mine.digest);
    assert.equal(details.id, configDigest);
    assert.equal(details.chainId, sha256('layer'));
    assert.equal(details.sizeBytes, index.size + mine.size + BigInt(content.blobs.get(configDigest)!.length) + 5000n);
    assert.equal(details.uid, 1000n);
    assert.equal(details.username, '');
    assert.deepEqual(details.annotations, { a: 'b' });
    assert.deepEqual(details.config.env, ['A=1']);
    assert.equal(content.reads.includes(other.digest), false);
  });

  it('are notFound with what is offered when nothing is for this platform', async () => {
    const content = new FakeContent();
    const index = content.index([{ target: content.image({ platform: arm64 }), platform: arm64 }]);
    await assert.rejects(readImageDetails(content, index, amd64), (error: Error) => {
      assert.match(error.message, /no image for platform linux\/amd64 .* it offers linux\/arm64/);
      return isKind(error, 'notFound');
    });
    const lone = content.image({ platform: arm64 });
    await assert.rejects(readImageDetails(content, lone, amd64), (error) => isKind(error, 'notFound'));
  });

  it('take a lone manifest that this machine can run, or that does not say what it is for', async () => {
    const content = new FakeContent();
    const old = content.image({ platform: { os: 'linux', architecture: '386' } });
    await readImageDetails(content, old, amd64);
    await readImageDetails(content, content.image({ platform: null }), amd64);
  });

  it('stop at an index inside an index inside an index and so on', async () => {
    const content = new FakeContent();
    let target = content.image();
    for (let depth = 0; depth < 6; depth += 1) target = content.index([{ target }]);
    await assert.rejects(readImageDetails(content, target, amd64), /nested/);
  });

  it('are refused for what is no container image', async () => {
    const content = new FakeContent();
    const config = content.put({ chart: true });
    const chart = content.put({ config: { digest: config.digest, size: 3 }, layers: [] });
    await assert.rejects(readImageDetails(content, chart, amd64), (error) => isKind(error, 'invalidArgument'));
    const bytes = Buffer.from('{"manifests": [], "layers": []}');
    assert.throws(() => parseManifestOrIndex(bytes, 'x'), /at once/);
    assert.throws(() => parseManifestOrIndex(Buffer.from('nonsense'), 'x'), /no JSON/);
  });
});

describe('chain id', () => {
  it('is the first layer alone, and then the hash of the chain before and the next', () => {
    const [a, b, c] = [sha256('a'), sha256('b'), sha256('c')];
    assert.equal(chainIdOf([]), '');
    assert.equal(chainIdOf([a]), a);
    assert.equal(chainIdOf([a, b]), sha256(`${a} ${b}`));
    assert.equal(chainIdOf([a, b, c]), sha256(`${sha256(`${a} ${b}`)} ${c}`));
  });
});

describe('image user', () => {
  const table: readonly [string, bigint | undefined, string][] = [
    ['', undefined, ''],
    ['0', 0n, ''],
    ['1002', 1002n, ''],
    ['1003:1004', 1003n, ''],
    ['www-data', undefined, 'www-data'],
    ['www-data:1004', undefined, 'www-data'],
    ['1000x', undefined, '1000x'],
    ['99999999999999999999', undefined, '99999999999999999999'],
  ];
  for (const [user, uid, username] of table) {
    it(`of "${user}" is uid ${uid} or name "${username}"`, () => {
      assert.deepEqual(splitUser(user), uid === undefined ? { username } : { uid, username });
    });
  }
});

describe('platform', () => {
  it('sees the same one under its other names', () => {
    assert.equal(isSamePlatform({ os: 'linux', architecture: 'aarch64', variant: 'v8' }, arm64), true);
    assert.equal(isSamePlatform({ os: 'linux', architecture: 'amd64', variant: 'v1' }, amd64), true);
    assert.equal(isSamePlatform({ os: 'linux', architecture: 'amd64', variant: 'v3' }, amd64), false);
    assert.equal(isSamePlatform({ os: 'windows', architecture: 'amd64' }, amd64), false);
    assert.equal(isSamePlatform({ os: 'linux', architecture: 'arm' }, hostPlatform('linux', 'arm')), true);
  });

  it('runs what is older or smaller, and no other machine’s', () => {
    assert.equal(canRun({ os: 'linux', architecture: 'arm', variant: 'v6' }, hostPlatform('linux', 'arm')), true);
    assert.equal(canRun({ os: 'linux', architecture: 'arm', variant: 'v7' }, arm64), true);
    assert.equal(canRun(arm64, amd64), false);
    assert.equal(canRun({ os: 'windows', architecture: '386' }, amd64), false);
  });
});

function configOf(content: FakeContent, manifest: string): string {
  const parsed = parseManifestOrIndex(content.blobs.get(manifest)!, manifest);
  return parsed.kind === 'manifest' ? parsed.config.digest : '';
}
