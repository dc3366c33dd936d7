import assert from 'node:assert/strict';
import fc from 'fast-check';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errnoOf } from '../../../src/lib/errors.ts';
import { cachedRealPath, realPath } from '../../../src/linux/real-path.ts';

describe('the real path of a file', () => {
  let top = '';
  before(() => {
    top = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-realpath-'));
    fs.mkdirSync(path.join(top, 'a/b (deleted)'), { recursive: true });
    fs.writeFileSync(path.join(top, 'a/file'), '');
    fs.symlinkSync('a', path.join(top, 'near'));
    fs.symlinkSync(path.join(top, 'near/file'), path.join(top, 'far'));
    fs.symlinkSync('../loop', path.join(top, 'a/loop'));
    fs.symlinkSync('a/loop', path.join(top, 'loop'));
    fs.symlinkSync('nothing', path.join(top, 'dangling'));
  });
  after(() => fs.rmSync(top, { recursive: true }));

  const outcome = async (act: () => string | Promise<string>): Promise<string> => {
    try {
      return await act();
    } catch (error) {
      return errnoOf(error) ?? String(error);
    }
  };

  it('is what the C library finds, or fails as that does', async () => {
    const name = fc.constantFrom('a', 'b (deleted)', 'file', 'near', 'far', 'loop', 'dangling', 'missing', '.', '..', '');
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 5 }), async (names) => {
        const file = `${top}/${names.join('/')}`;
        assert.equal(await outcome(() => realPath(file)), await outcome(() => fs.realpathSync.native(file)));
      }),
    );
  });

  it('comes at once where the kernel has it in its cache', function () {
    const [major = 0, minor = 0] = os.release().split('.').map(Number);
    if (major * 1000 + minor < 5012) this.skip();
    fs.statSync(path.join(top, 'far'));
    // The kernel may decline a look that crosses another's rename.
    const looks = Array.from({ length: 100 }, () => cachedRealPath(path.join(top, 'far')));
    assert.ok(looks.includes(path.join(top, 'a/file')));
    assert.deepEqual([...new Set(looks)].filter((found) => found !== undefined), [path.join(top, 'a/file')]);
  });

  it('is not guessed: what is missing, or asked wrongly, is left to the C library', () => {
    for (const name of ['missing', 'loop', 'dangling', 'a/file/x', 'a\0b']) {
      assert.equal(cachedRealPath(path.join(top, name)), undefined);
    }
  });
});
