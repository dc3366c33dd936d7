import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PluginCall, RunOptions } from '../../../src/cni/plugin.ts';
import { PluginRunner } from '../../../src/cni/plugin.ts';
import { complaintOf } from '../../../src/cni/plugin-error.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import type { ErrorKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { until } from '../../support/until.ts';

describe('a CNI plugin', () => {
  let folder = '';
  let runner: PluginRunner;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-plugin-'));
    runner = new PluginRunner({ binDirs: [path.join(folder, 'none'), folder], log: silentLog, env: { ...process.env, NOTIFY_SOCKET: '/run/notify' } });
  });

  afterEach(async () => rm(folder, { recursive: true }));

  /** Runs a shell script as a plugin. */
  async function run(script: string, call: Partial<PluginCall> = {}, options: RunOptions = {}): Promise<string> {
    const file = path.join(folder, 'plug');
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
    return runner.run(
      {
        type: 'plug',
        file: await runner.find('plug'),
        verb: 'ADD',
        conf: { name: 'net' },
        containerId: 'abc',
        netnsPath: '/run/netns/abc',
        ifName: 'eth0',
        args: [['K8S_POD_NAME', 'web'], ['IgnoreUnknown', '1']],
        ...call,
      },
      options,
    );
  }

  const fails = (kind: ErrorKind, message: RegExp) => (error: unknown) => {
    assert.ok(isKind(error, kind), String(error));
    assert.match((error as Error).message, message);
    return true;
  };

  it('gets its configuration on stdin and its parameters in the environment', async () => {
    const printed = await run('echo "$CNI_COMMAND|$CNI_CONTAINERID|$CNI_NETNS|$CNI_IFNAME|$CNI_ARGS|$CNI_PATH|$NOTIFY_SOCKET"; cat');
    const [environment, conf] = printed.split('\n');
    assert.equal(environment, `ADD|abc|/run/netns/abc|eth0|K8S_POD_NAME=web;IgnoreUnknown=1|${folder}/none:${folder}|`);
    assert.equal(conf, '{"name":"net"}');
  });

  it('finds its programs by the PATH of the daemon', async () => {
    assert.equal(await run('echo "$PATH"'), `${process.env['PATH']}\n`);
  });

  it('can open its standard streams by path, as shell plugins do', async () => {
    assert.equal(await run('set -e; conf=$(cat /dev/stdin); echo log >/dev/stderr; echo "$conf" >/dev/stdout'), '{"name":"net"}\n');
  });

  it('may leave its input unread, however long it is', async () => {
    assert.equal(await run('echo done', { conf: { long: 'x'.repeat(1 << 20) } }), 'done\n');
  });

  it('may read more input than a pipe holds', async () => {
    assert.equal((await run('wc -c', { conf: { long: 'x'.repeat(1 << 20) } })).trim(), String((1 << 20) + 11));
  });

  it('that reports a CNI error fails with its code, message and details', async () => {
    const script = `echo '{"code":7,"msg":"bad conf","details":"no subnet"}'; exit 1`;
    await assert.rejects(run(script), (error) => {
      assert.deepEqual(complaintOf(error), { code: 7, msg: 'bad conf', details: 'no subnet' });
      return fails('failedPrecondition', /^cni plugin "plug" ADD for "abc": bad conf: no subnet \(CNI error 7\)$/)(error);
    });
  });

  for (const [code, kind] of [[3, 'notFound'], [11, 'unavailable'], [50, 'unavailable'], [999, 'internal']] as const) {
    it(`that reports error ${code} is ${kind}`, async () => {
      await assert.rejects(run(`echo '{"code":${code},"msg":"m"}'; exit 1`), fails(kind, /: m \(CNI error/));
    });
  }

  it('that fails with something else fails with what it printed', async () => {
    await assert.rejects(run('echo oops; echo why >&2; exit 3'), fails('internal', /it exited with 3 and printed no CNI error: stdout "oops", stderr "why"$/));
  });

  it('that fails without a word fails with its exit code', async () => {
    await assert.rejects(run('exit 4'), fails('internal', /it exited with 4 and printed nothing$/));
  });

  it('that dies of a signal fails with the signal', async () => {
    await assert.rejects(run('kill -SEGV $$'), fails('internal', /it was killed by SIGSEGV/));
  });

  it('that hangs is killed with all it started after its time', async () => {
    const script = `sleep 1000 & echo $! >${folder}/pid; echo $$ >>${folder}/pid; wait`;
    await assert.rejects(run(script, {}, { timeoutMs: 300 }), fails('deadlineExceeded', /ADD for "abc": it did not end within 0\.3 s and was killed/));
    const [helper, plugin] = (await readFile(path.join(folder, 'pid'), 'utf8')).trim().split('\n');
    assert.ok(!existsSync(`/proc/${plugin}`));
    // Nobody here is its parent: the kernel takes a moment to end what was killed.
    await until('its helper has ended too', async () => {
      const state = await readFile(`/proc/${helper}/stat`, 'utf8').catch(() => '0 (sleep) Z');
      return /\) [ZX]/u.test(state);
    });
  });

  it('is let end when its caller goes away: killed at work it could leave an address that nobody is known to have', async () => {
    const caller = new AbortController();
    const running = run(`touch ${folder}/started; sleep 0.3; touch ${folder}/ended`, {}, { signal: caller.signal });
    const canceled = assert.rejects(running, fails('canceled', /ADD for "abc": canceled/));
    await until('it has started', async () => existsSync(path.join(folder, 'started')));
    caller.abort();
    await canceled;
    assert.ok(existsSync(path.join(folder, 'ended')));
  });

  it('is killed when its caller goes away and it does not end', async () => {
    runner = new PluginRunner({ binDirs: [folder], log: silentLog, env: process.env, graceMs: 100 });
    const caller = new AbortController();
    const running = run(`echo $$ >${folder}/pid; sleep 1000`, {}, { signal: caller.signal });
    const canceled = assert.rejects(running, fails('canceled', /ADD for "abc": canceled/));
    await until('it has started', async () => existsSync(path.join(folder, 'pid')));
    caller.abort();
    await canceled;
    assert.ok(!existsSync(`/proc/${(await readFile(path.join(folder, 'pid'), 'utf8')).trim()}`));
  });

  it('is not started for a caller that has gone away', async () => {
    await assert.rejects(run(`touch ${folder}/started`, {}, { signal: AbortSignal.abort() }), fails('canceled', /ADD for "abc": canceled/));
    assert.ok(!existsSync(path.join(folder, 'started')));
  });

  it('that floods its output is killed', async () => {
    await assert.rejects(run('cat /dev/zero'), fails('internal', /it printed too much and was killed/));
  });

  it('that floods its log is read on and forgotten', async () => {
    assert.equal(await run('head -c 3000000 /dev/zero >&2; echo done'), 'done\n');
  });

  it('whose helper keeps the pipes open has ended all the same', async () => {
    assert.equal(await run(`sleep 1000 & echo $! >${folder}/pid; echo done`), 'done\n');
    process.kill(Number(await readFile(path.join(folder, 'pid'), 'utf8')), 'SIGKILL');
  });

  it('that is in no bin dir is missed by name and place', async () => {
    await assert.rejects(runner.find('gone'), fails('failedPrecondition', new RegExp(`"gone" is not in ${folder}/none, ${folder}`)));
  });

  it('that is no program cannot be started', async () => {
    await writeFile(path.join(folder, 'text'), 'hello');
    await assert.rejects(run('', { file: path.join(folder, 'text') }), fails('failedPrecondition', /cannot start .*EACCES/));
  });

  it('with a parameter no program can have cannot be started', async () => {
    await assert.rejects(run('', { ifName: 'a\0b' }), (error) => error instanceof CodedError);
  });
});
