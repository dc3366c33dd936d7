import assert from 'node:assert/strict';
import { isKind } from '../../../src/lib/errors.ts';
import { isMissingTool, runTool, type ToolOptions, toolWords } from '../../../src/linux/tool.ts';

const shell = (script: string, options?: ToolOptions) => runTool('sh', ['-c', script], options);

describe('a tool of the system', () => {
  it('tells its exit code and what it wrote to standard error', async () => {
    assert.deepEqual(await shell('echo fine'), { tool: 'sh', exitCode: 0, complaint: '' });
    assert.deepEqual(await shell('echo out; echo no >&2; exit 3'), { tool: 'sh', exitCode: 3, complaint: 'no' });
  });

  it('speaks English, in the environment that it is given', async () => {
    const { complaint } = await shell('echo "$LC_ALL $GIVEN" >&2', { env: { ...process.env, LC_ALL: 'de_DE.UTF-8', GIVEN: 'x' } });
    assert.equal(complaint, 'C x');
  });

  it('reads the input it is given, none without one, and may end before it has read all', async () => {
    assert.equal((await shell('cat >&2', { input: 'a text' })).complaint, 'a text');
    assert.equal((await shell('cat >&2')).complaint, '');
    assert.equal((await shell('exit 4', { input: 'x'.repeat(1 << 20) })).exitCode, 4);
  });

  it('is missed by its name', async () => {
    const missing = await runTool('pw-no-such-tool', []).catch((error: unknown) => error);
    assert.ok(isKind(missing, 'internal') && isMissingTool(missing));
    assert.match(String(missing), /there is no pw-no-such-tool on the PATH/);
  });

  it('is killed when its time is up', async () => {
    const slow = shell('exec sleep 1000', { timeoutMs: 200 });
    await assert.rejects(slow, { kind: 'internal', message: 'sh: it did not end within 0.2 s and was killed' });
  });

  it('is killed when nobody waits for it any more', async () => {
    const stop = new AbortController();
    const running = shell('exec sleep 1000', { signal: stop.signal, timeoutMs: Infinity });
    stop.abort();
    await assert.rejects(running, { kind: 'canceled', message: 'sh: canceled' });
  });

  it('that a signal ended is told by the signal and its last words', async () => {
    const error = await shell('echo broken >&2; kill -KILL $$').catch((thrown: unknown) => thrown);
    assert.ok(isKind(error, 'internal') && !isMissingTool(error));
    assert.match(String(error), /sh: it was ended by SIGKILL: broken$/);
  });

  it('is named once before its words, or before its exit code where it had none', () => {
    const end = { tool: 'cp', exitCode: 1 };
    assert.equal(toolWords({ ...end, complaint: 'cp: cannot stat x' }), 'cp: cannot stat x');
    assert.equal(toolWords({ ...end, complaint: 'Killed' }), 'cp: Killed');
    assert.equal(toolWords({ ...end, complaint: '' }), 'cp ended with 1');
  });

  it('has the first ten lines of its words in a message', () => {
    const complaint = Array.from({ length: 1000 }, (_, at) => `cp: line ${at}`).join('\n');
    assert.match(toolWords({ tool: 'cp', exitCode: 1, complaint }), /^cp: line 0\n.*\ncp: line 9\nand 990 lines more$/s);
  });
});
