import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isGlob, parseGlob } from '../../../src/lib/glob.ts';

describe('a glob', () => {
  const table: readonly [pattern: string, matching: readonly string[], others: readonly string[]][] = [
    ['a.b/c', ['a.b/c'], ['axb/c', 'a.b/c ', 'a.b']],
    ['a/*', ['a/', 'a/b.c-d'], ['a', 'a/b/c', 'b/a/c']],
    ['*.io/run*', ['x.io/run', 'x.io/runtime'], ['x.io/a/run']],
    ['a?c', ['abc', 'a.c'], ['ac', 'a/c', 'abbc']],
    ['[a-c1]x', ['ax', 'cx', '1x'], ['dx', 'x', 'aax']],
    ['[^a-c]x', ['dx', '^x'], ['ax', '/x', 'x']],
    ['\\*[\\]\\-]', ['*]', '*-'], ['a]', '*\\']],
    ['ü*', ['ünï'], ['u']],
  ];
  for (const [pattern, matching, others] of table) {
    it(`${pattern} matches ${matching.join(', ')} and nothing else`, () => {
      const glob = parseGlob(pattern);
      assert.deepEqual([...matching, ...others].filter((text) => glob.matches(text)), matching);
    });
  }

  it('goes across slashes where it is told to', () => {
    const glob = parseGlob('a/*', { acrossSlashes: true });
    assert.equal(glob.matches('a/b/c'), true);
    assert.equal(glob.matches('b/a/c'), false);
  });

  it('is none with an open set, a lone dash in it, a range the wrong way round, or a backslash at its end', () => {
    for (const text of ['', '[', '[]', '[a', '[a-]', '[z-a]', 'a\\']) {
      assert.equal(isGlob(text), false, text);
      assert.equal(parseGlob(text).matches(text), false, text);
    }
  });

  it('matches itself when every character has a backslash before it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const pattern = text.replaceAll(/[^]/gu, (character) => `\\${character}`);
        assert.equal(parseGlob(pattern).matches(text), true);
      }),
    );
  });

  it('never fails, whatever it is made of', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '[', ']', '^', '-', '\\', '*', '?', '/') }), fc.string(), (pattern, text) => {
      assert.equal(typeof parseGlob(pattern).matches(text), 'boolean');
    }));
  });
});
