import assert from 'node:assert/strict';
import fc from 'fast-check';

import { mergeEnv, processArgs, processCwd, processEnv } from '../../../src/spec/process.ts';
import { invalid } from './fixtures.ts';

const entrypoint = ['/entry', '-e'];
const cmd = ['c1', 'c2'];

describe('a container’s argv', () => {
  const table: { name: string; command: string[]; args: string[]; expected: string[] }[] = [
    { name: 'is ENTRYPOINT and CMD when nothing is given', command: [], args: [], expected: ['/entry', '-e', 'c1', 'c2'] },
    { name: 'is the command alone, without CMD', command: ['sh'], args: [], expected: ['sh'] },
    { name: 'is ENTRYPOINT and the args', command: [], args: ['a'], expected: ['/entry', '-e', 'a'] },
    { name: 'is the command and the args', command: ['sh'], args: ['-c', 'x'], expected: ['sh', '-c', 'x'] },
  ];
  for (const { name, command, args, expected } of table) {
    it(name, () => {
      assert.deepEqual(processArgs({ command, args }, { entrypoint, cmd }), expected);
    });
  }

  it('is CMD for an image without ENTRYPOINT', () => {
    assert.deepEqual(processArgs({ command: [], args: [] }, { entrypoint: [], cmd }), cmd);
  });

  it('is refused when nobody names a program', () => {
    assert.throws(() => processArgs({ command: [], args: [] }, { entrypoint: [], cmd: [] }), invalid('no command'));
  });

  it('is refused when the program’s name is empty', () => {
    assert.throws(() => processArgs({ command: [''], args: [] }, { entrypoint, cmd }), invalid('command[0]'));
  });
});

describe('a container’s environment', () => {
  const build = (imageEnv: string[], envs: [string, string | Buffer][], tty = false): string[] =>
    processEnv({
      hostname: 'web',
      tty,
      imageEnv,
      envs: envs.map(([key, value]) => ({ key, value: Buffer.from(value) })),
    });

  it('has a PATH and the host name of its own accord', () => {
    assert.deepEqual(build([], []), [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=web',
    ]);
  });

  it('takes the image’s values over the defaults and the config’s over the image’s', () => {
    assert.deepEqual(build(['PATH=/bin', 'A=image'], [['A', 'config']]), ['PATH=/bin', 'HOSTNAME=web', 'A=config']);
  });

  it('takes the last of two values of the config', () => {
    assert.deepEqual(build(['PATH=/'], [['A', '1'], ['A', '2']]).slice(2), ['A=2']);
  });

  it('has TERM=xterm on a terminal unless something else sets it', () => {
    assert.ok(build([], [], true).includes('TERM=xterm'));
    assert.ok(build([], [['TERM', 'vt100']], true).includes('TERM=vt100'));
  });

  it('keeps an equals sign and an empty value', () => {
    assert.deepEqual(build(['PATH=/'], [['A', 'b=c'], ['E', '']]).slice(2), ['A=b=c', 'E=']);
  });

  it('puts U+FFFD where a value is not UTF-8, as Go’s JSON does', () => {
    assert.deepEqual(build(['PATH=/'], [['A', Buffer.from([0x61, 0xff, 0x62])]]).slice(2), ['A=a\u{FFFD}b']);
  });

  it('keeps one entry a name, always the last', () => {
    const entry = fc.tuple(fc.constantFrom('A', 'B', 'C'), fc.string());
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const merged = mergeEnv(entries.map(([name, value]) => `${name}=${value}`));
        assert.deepEqual(
          Object.fromEntries(merged.map((text) => [text.slice(0, 1), text.slice(2)])),
          Object.fromEntries(entries),
        );
        assert.equal(merged.length, new Set(entries.map(([name]) => name)).size);
      }),
    );
  });
});

describe('a container’s working directory', () => {
  const table: [string, string, string][] = [
    ['', '', '/'],
    ['', '/srv', '/srv'],
    ['/work', '/srv', '/work'],
    ['', 'app/data', '/app/data'],
  ];
  for (const [config, fromImage, expected] of table) {
    it(`is ${expected} for config "${config}" and image "${fromImage}"`, () => {
      assert.equal(processCwd(config, fromImage), expected);
    });
  }
});
