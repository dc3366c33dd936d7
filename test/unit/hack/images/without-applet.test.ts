import { strict as assert } from 'node:assert';
import { withoutApplet } from '../../../../hack/images/without-applet.ts';

const program = (...names: readonly string[]): Buffer => Buffer.from(`code\0\0${names.join('\0')}\0more code`, 'latin1');

describe('a busybox without an applet', () => {
  it('has another name in its place, in order and of the same length', () => {
    const changed = withoutApplet(program('losetup', 'ls', 'lsmod'), 'ls');
    assert.deepEqual(changed, program('losetup', 'lr', 'lsmod'));
  });

  it('leaves the program it is made from alone', () => {
    const original = program('losetup', 'ls', 'lsmod');
    withoutApplet(original, 'ls');
    assert.deepEqual(original, program('losetup', 'ls', 'lsmod'));
  });

  it('is refused where the program has no such applet', () => {
    assert.throws(() => withoutApplet(program('losetup', 'lsmod'), 'ls'), /"ls"/);
  });

  it('is refused where the name stands in two places, one of which may mean something else', () => {
    assert.throws(() => withoutApplet(Buffer.concat([program('a', 'ls'), program('b', 'ls')]), 'ls'), /"ls"/);
  });

  it('is refused where the list would be out of order', () => {
    assert.throws(() => withoutApplet(program('lr', 'ls', 'lsmod'), 'ls'), /"lr"/);
  });
});
