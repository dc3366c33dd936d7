import assert from 'node:assert/strict';
import { Pins } from '../../../src/image/pins.ts';

describe('pinned images', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const table: readonly [pattern: string, pinned: readonly string[], others: readonly string[]][] = [
    ['busybox', ['docker.io/library/busybox:latest'], ['docker.io/library/busybox:1.37', 'quay.io/library/busybox:latest']],
    ['reg.io/app:1', ['reg.io/app:1'], ['reg.io/app:2', `reg.io/app@${digest}`]],
    [`reg.io/app@${digest}`, [`reg.io/app@${digest}`], ['reg.io/app:1']],
    ['reg.io/*', ['reg.io/app:1', 'reg.io/a/b/c:1', `reg.io/a@${digest}`], ['other.io/reg.io/a:1']],
    ['*/pause', ['registry.k8s.io/pause:3.10', `k8s.gcr.io/pause@${digest}`], ['reg.io/pauses:1']],
    ['reg.io/app:1.?', ['reg.io/app:1.2'], ['reg.io/app:1.10']],
  ];
  for (const [pattern, pinned, others] of table) {
    it(`are ${pinned.join(', ')} by "${pattern}"`, () => {
      const pins = new Pins([pattern]);
      assert.deepEqual([...pinned, ...others].filter((name) => pins.pinsName(name)), pinned);
    });
  }

  it('are pinned by any of the names they go by', () => {
    const pins = new Pins(['reg.io/app:1']);
    assert.equal(pins.pin({ repoTags: ['reg.io/app:2', 'reg.io/app:1'], repoDigests: [] }), true);
    assert.equal(pins.pin({ repoTags: ['reg.io/app:2'], repoDigests: [`reg.io/app@${digest}`] }), false);
  });
});
