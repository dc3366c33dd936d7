import assert from 'node:assert/strict';
import { deferred } from '../../../src/lib/deferred.ts';
import { SharedLook } from '../../../src/lib/shared-look.ts';

describe('a shared look', () => {
  /** Looks that end when they are told to, with their number. */
  const looks = (): { readonly ends: (() => void)[]; readonly shared: SharedLook<number> } => {
    const ends: (() => void)[] = [];
    const shared = new SharedLook(async () => {
      const end = deferred<void>();
      const number = ends.push(() => end.resolve());
      await end.promise;
      return number;
    });
    return { ends, shared };
  };

  it('is one for all who ask in the midst of another, and begins after that', async () => {
    const { ends, shared } = looks();
    const first = shared.take();
    const later = [shared.take(), shared.take(), shared.take()];
    assert.equal(ends.length, 1);
    ends[0]?.();
    assert.equal(await first, 1);
    await Promise.resolve();
    assert.equal(ends.length, 2);
    ends[1]?.();
    assert.deepEqual(await Promise.all(later), [2, 2, 2]);
  });

  it('begins at once where none is under way', async () => {
    const { ends, shared } = looks();
    for (const number of [1, 2]) {
      const look = shared.take();
      ends[number - 1]?.();
      assert.equal(await look, number);
    }
  });

  it('that fails is that for those only who shared it', async () => {
    let count = 0;
    const shared = new SharedLook(async () => {
      count += 1;
      await Promise.resolve();
      if (count === 1) throw new Error('no look');
      return count;
    });
    const [first, second] = [shared.take(), shared.take()];
    await assert.rejects(first, /no look/);
    assert.equal(await second, 2);
  });
});
