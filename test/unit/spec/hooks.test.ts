import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CodedError } from '../../../src/lib/errors.ts';
import { addHooks, type HookFile, isHookFor, parseHookFile } from '../../../src/spec/hooks.ts';
import { invalid } from './fixtures.ts';

const parse = (changes: object = {}): HookFile =>
  parseHookFile(
    JSON.stringify({ version: '1.0.0', hook: { path: '/bin/h' }, when: { always: true }, stages: ['prestart'], ...changes }),
    '/hooks/h.json',
  );
const when = (conditions: object): HookFile => parse({ when: conditions });
const subject = { annotations: { 'example.com/team': 'gpu' }, program: '/usr/bin/python3', hasBindMounts: false };

describe('a hook file', () => {
  it('says what runs and at which stages', () => {
    const file = parse({ hook: { path: '/bin/h', args: ['h', '-x'], env: ['A=1'], timeout: 9 }, stages: ['createRuntime', 'poststop'] });
    assert.deepEqual(file.hook, { path: '/bin/h', args: ['h', '-x'], env: ['A=1'], timeout: 9 });
    assert.deepEqual(addHooks({ poststop: [{ path: '/other' }] }, [file, parse()]), {
      createRuntime: [file.hook],
      poststop: [{ path: '/other' }, file.hook],
      prestart: [{ path: '/bin/h' }],
    });
  });

  const conditions: [object, boolean][] = [
    [{ always: true }, true],
    [{ always: false }, false],
    [{}, false],
    [{ hasBindMounts: false }, true],
    [{ hasBindMounts: true }, false],
    [{ annotations: { '^example\\.com/team$': '^gpu$' } }, true],
    [{ annotations: { team: 'gp', nothing: '.*' } }, false],
    [{ commands: ['/ruby$', 'python3?$'] }, true],
    [{ commands: ['^python'] }, false],
    [{ always: true, commands: ['^python'] }, false],
    [{ always: true, annotations: { team: 'gpu' } }, true],
  ];
  for (const [given, matches] of conditions) {
    it(`with when ${JSON.stringify(given)} ${matches ? 'is' : 'is not'} for this container`, () => {
      assert.equal(isHookFor(when(given), subject), matches);
    });
  }

  const bad: [object, string][] = [
    [{ version: '0.1.0' }, 'version is "0.1.0"'],
    [{ stages: [] }, 'stages is empty'],
    [{ stages: ['later'] }, 'stages[0] is "later"'],
    [{ hook: { path: 'h' } }, 'hook.path is "h"'],
    [{ hook: {} }, 'hook.path'],
    [{ when: { commands: ['('] } }, 'when.commands[0] is "("'],
    [{ when: { or: true } }, 'when.or is not known'],
  ];
  for (const [changes, words] of bad) {
    it(`is refused with ${JSON.stringify(changes)}`, () => {
      assert.throws(() => parse(changes), invalid('/hooks/h.json', words));
    });
  }

  it('is read or refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseHookFile(text, '/x.json');
        } catch (error) {
          assert.ok(error instanceof CodedError && error.kind === 'invalidArgument');
        }
      }),
    );
  });
});
