import { strict as assert } from 'node:assert';
import { CodedError } from '../../../src/lib/errors.ts';
import { applySettings, loadConfig } from '../../../src/config/load.ts';
import { parseConfig } from '../../../src/config/toml.ts';
import { readCommandLine } from '../../../src/config/flags.ts';

function refusal(...args: string[]): string {
  try {
    readCommandLine(args);
  } catch (error) {
    assert.ok(error instanceof CodedError && error.kind === 'invalidArgument');
    return error.message.replace(/; podwright --help says what there is$/, '');
  }
  return '';
}

describe('the command line', () => {
  it('serves when nothing else is asked', () => {
    assert.deepEqual(readCommandLine([]), { command: 'serve', configFile: undefined, waitMs: 60_000, settings: [] });
  });

  it('takes flags with a space or an equals sign', () => {
    assert.deepEqual(readCommandLine(['--config', 'a.toml', '--wait=0', '--containerd=/c.sock', '--log-level', 'debug']), {
      command: 'serve',
      configFile: 'a.toml',
      waitMs: 0,
      settings: [
        { flag: 'containerd', path: ['containerd', 'address'], value: '/c.sock' },
        { flag: 'log-level', path: ['log', 'level'], value: 'debug' },
      ],
    });
  });

  it('knows its other commands', () => {
    assert.deepEqual(readCommandLine(['config', 'default']), { command: 'configDefault' });
    assert.deepEqual(readCommandLine(['config', 'check', 'f']), { command: 'configCheck', file: 'f' });
    assert.deepEqual(readCommandLine(['check', '--config=f', '--root=/a']), {
      command: 'check',
      configFile: 'f',
      settings: [{ flag: 'root', path: ['root'], value: '/a' }],
    });
    assert.deepEqual(readCommandLine(['--version']), { command: 'version' });
    assert.deepEqual(readCommandLine(['-h']), { command: 'help' });
  });

  const wrong: readonly [args: string[], message: string][] = [
    [['--sokcet', '/a'], 'unknown flag --sokcet: did you mean --socket?'],
    [['--zzzzzzzz'], 'unknown flag --zzzzzzzz'],
    [['-x'], 'unknown flag -x'],
    [['--socket'], '--socket needs a value'],
    [['--socket='], '--socket needs a value'],
    [['--socket', '--root', '/a'], '--socket needs a value, and got the flag --root'],
    [['--root=/a', '--root=/b'], '--root is given twice'],
    [['--version=1'], '--version takes no value'],
    [['--wait=-1'], '--wait is "-1": must be seconds, 0 to 86400'],
    [['--wait=soon'], '--wait is "soon": must be seconds, 0 to 86400'],
    [['serve'], 'unknown command "serve": there is check, config default and config check'],
    [['check', 'it'], 'it is podwright check, with flags for the configuration and no more'],
    [['check', '--wait=1'], 'it is podwright check, with flags for the configuration and no more'],
    [['config'], 'it is podwright config default, or podwright config check FILE'],
    [['config', 'check'], 'it is podwright config default, or podwright config check FILE'],
    [['config', 'check', 'a', 'b'], 'it is podwright config default, or podwright config check FILE'],
    [['config', 'default', '--root=/a'], 'podwright config takes no flag, and --root is one'],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${args.join(' ')}`, () => assert.equal(refusal(...args), message));
  }

  it('lays flags over the file, checked as the file is', () => {
    const config = parseConfig('root = "/a"\n[log]\nlevel = "warn"', 'f.toml');
    const { settings } = { settings: [], ...readCommandLine(['--root=/b', '--namespace=test']) };
    const set = applySettings(config, settings);
    assert.deepEqual([set.root, set.containerd.namespace, set.log.level], ['/b', 'test', 'warn']);
    assert.throws(() => applySettings(config, [{ flag: 'root', path: ['root'], value: 'b' }]), {
      message: '--root is "b": must be an absolute path',
    });
    assert.throws(() => applySettings(config, [{ flag: 'state', path: ['state'], value: '/a' }]), {
      kind: 'invalidArgument',
    });
  });

  it('insists on the file that --config names', async () => {
    await assert.rejects(loadConfig('/nonexistent/x.toml', []), { kind: 'invalidArgument' });
  });
});
