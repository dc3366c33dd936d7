import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { commandsIn } from '../../support/container-processes.ts';
import { converse, Said } from '../../support/child-streams.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { untilNoExecIsLeft } from '../../support/no-exec-left.ts';
import { SpdyClient } from '../../support/spdy-client.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('Exec', function () {
  this.timeout(120_000);
  const cri = useCriNode();
  let pod: Pod;
  let container: Container;

  beforeEach(async () => {
    pod = await cri().runPod();
    container = await pod.run();
  });

  const nothingLeft = (of = container, processMs?: number): Promise<void> => untilNoExecIsLeft(cri(), of, processMs);

  for (const transport of ['spdy', 'websocket']) {
    describe(`by crictl over ${transport}`, () => {
      const crictl = (...args: string[]): ReturnType<typeof converse> =>
        converse(cri().node.spawnCrictl('exec', '-r', transport, ...args));
      const withInput = (input: Buffer, ...args: string[]): ReturnType<typeof converse> =>
        converse(cri().node.spawnCrictl('exec', '-r', transport, '-i', ...args), input);

      it('keeps stdout, stderr and the exit code apart', async () => {
        const { code, stdout, stderr } = await crictl(container.id, 'sh', '-c', 'echo out; echo err >&2; exit 3');
        assert.notEqual(code, 0);
        assert.equal(stdout.toString(), 'out\n');
        assert.match(stderr, /^err\n[^]*command terminated with exit code 3/);
        await nothingLeft();
      });

      it('carries 100 MB each way, byte by byte', async () => {
        const input = randomBytes(100_000_000);
        const { code, stdout } = await withInput(input, container.id, 'cat');
        assert.equal(code, 0);
        assert.equal(sha256(stdout), sha256(input));
      });

      it('ends stdin where the client ends it, and not before', async () => {
        const child = cri().node.spawnCrictl('exec', '-r', transport, '-i', container.id, 'sh', '-c', 'while read x; do echo "<$x>"; done; echo end');
        const said = new Said(child);
        child.stdin.write('one\n');
        await said.until(/<one>/);
        child.stdin.write('two\n');
        await said.until(/<two>/);
        child.stdin.end();
        assert.equal(await said.ended, 0);
        assert.equal(said.text, '<one>\n<two>\nend\n');
      });

      it('has the terminal and its size', async () => {
        const child = cri().node.spawnCrictlOnTty('exec', '-r', transport, '-it', container.id, 'sh');
        const said = new Said(child);
        await said.until(/# /);
        child.stdin.write('tty; echo TERM=$TERM; stty size; exit 5\n');
        await said.ended;
        assert.match(said.text, /\/dev\/pts\/\d+\r\nTERM=xterm\r\n40 100\r\n/);
        assert.match(said.text, /exit code 5/);
        await nothingLeft();
      });

      it('takes input that nobody reads for what it is', async () => {
        const { code } = await withInput(randomBytes(5_000_000), container.id, 'true');
        assert.equal(code, 0);
        await nothingLeft();
      });

      it('tells in the words of the runtime what cannot be started', async () => {
        const { code, stderr } = await crictl(container.id, '/no/such/program');
        assert.notEqual(code, 0);
        assert.match(stderr, /\/no\/such\/program[^]*no such file or directory/);
        await nothingLeft();
      });

      it('does not wait for a child that keeps the output open', async () => {
        const { stdout } = await crictl(container.id, 'sh', '-c', 'echo said; sleep 54331 & exit 0');
        assert.equal(stdout.toString(), 'said\n');
        assert.deepEqual(await commandsIn(container), ['sleep 54331']);
      });

      it('ends what a client that is killed has started, and all of it', async () => {
        const script = 'sleep 54332 & (sleep 54333 & sleep 54334) & sleep 54335';
        const child = cri().node.spawnCrictl('exec', '-r', transport, '-i', container.id, 'sh', '-c', script);
        await eventually('all of it runs', async () => (await commandsIn(container)).filter((one) => one.startsWith('sleep')).length === 4);
        child.kill('SIGKILL');
        await nothingLeft(container, 5_000);
        assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
      });

      it('ends what a client has started that is killed while its input waits', async () => {
        const child = cri().node.spawnCrictl('exec', '-r', transport, '-i', container.id, 'sleep', '54336');
        child.stdin.on('error', () => {});
        for (let i = 0; i < 200; i++) child.stdin.write(Buffer.alloc(65_536));
        await eventually('it runs', async () => (await commandsIn(container)).length === 1);
        await eventually('its input waits', () => child.stdin.writableLength > 0);
        child.kill('SIGKILL');
        await nothingLeft(container, 5_000);
      });

      it('ends with the container, and tells so', async () => {
        const child = cri().node.spawnCrictl('exec', '-r', transport, container.id, 'sleep', '54337');
        const said = new Said(child);
        await eventually('it runs', async () => (await commandsIn(container)).length === 1);
        await container.stop();
        assert.notEqual(await said.ended, 0);
        assert.notEqual(said.errors, '');
      });
    });
  }

  it('loses no last line of 500 short commands', async () => {
    const run = async (n: number): Promise<void> => {
      const client = await SpdyClient.connect(await url(['sh', '-c', `seq 200; echo last ${n}`]));
      const { stdout, error } = await client.openAll('error', 'stdout');
      const text = await stdout.whole();
      assert.equal(await error.whole(), '{"metadata":{},"status":"Success"}');
      assert.ok(text.endsWith(`200\nlast ${n}\n`), text.slice(-50));
      client.destroy();
    };
    for (let n = 0; n < 500; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => run(n + i)));
    await nothingLeft();
  });

  it('runs as the container does: its user, groups, folder and environment', async () => {
    const envs = [{ key: 'GIVEN', value: Buffer.from('yes') }];
    const securityContext = { runAsUser: { value: 1000 }, supplementalGroups: [77], capabilities: { dropCapabilities: ['ALL'] } };
    const own = await pod.run({ envs, workingDir: '/tmp', linux: { securityContext } });
    const script = 'id -u; pwd; echo $GIVEN; id -G; grep CapBnd /proc/self/status';
    const { stdout } = await converse(cri().node.spawnCrictl('exec', own.id, 'sh', '-c', script));
    assert.match(stdout.toString(), /^1000\n\/tmp\nyes\n[\d ]*\b77\b[^]*0000000000000000/);
  });

  it('begins with the size that the client told beforehand', async () => {
    const client = await SpdyClient.connect(await url(['stty', 'size'], { tty: true, stdin: true, stderr: false }));
    const resize = await client.open({ streamtype: 'resize' });
    resize.write('{"Width":123,"Height":45}\n');
    const { stdout } = await client.openAll('error', 'stdin', 'stdout');
    assert.equal(await stdout.whole(), '45 123\r\n');
    client.destroy();
  });

  it('goes on while containerd restarts, and tells the exit code', async () => {
    const child = cri().node.spawnCrictl('exec', '-i', container.id, 'sh', '-c', 'while read x; do echo "<$x>"; done; exit 3');
    const said = new Said(child);
    child.stdin.write('one\n');
    await said.until(/<one>/);
    await cri().node.containerd.restart();
    child.stdin.write('two\n');
    await said.until(/<two>/);
    child.stdin.end();
    assert.notEqual(await said.ended, 0);
    assert.match(said.errors, /exit code 3/);
    await nothingLeft();
  });

  it('leaves nothing behind when podwright is killed', async () => {
    const child = cri().node.spawnCrictl('exec', '-i', container.id, 'sh', '-c', 'sleep 54338 & sleep 54339');
    const said = new Said(child);
    await eventually('it runs', async () => (await commandsIn(container)).filter((one) => one.startsWith('sleep')).length === 2);
    await cri().restartPodwright();
    // Over SPDY a client cannot tell a lost connection from success.
    await said.ended;
    await nothingLeft();
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  });

  it('leaves nothing behind when podwright is stopped', async () => {
    const child = cri().node.spawnCrictl('exec', '-i', container.id, 'sleep', '54340');
    const said = new Said(child);
    await eventually('it runs', async () => (await commandsIn(container)).length === 1);
    await cri().restartPodwright('SIGTERM');
    assert.notEqual(await said.ended, 0);
    assert.match(said.errors, /podwright stops/);
    await nothingLeft();
  });

  it('is refused for streams that cannot be, no command, and a container that is not there or does not run', async () => {
    const good = { containerId: container.id, cmd: ['true'], stdout: true };
    await cri().refuse('Exec', { ...good, tty: true, stderr: true }, 'INVALID_ARGUMENT', 'stderr');
    await cri().refuse('Exec', { ...good, stdout: false }, 'INVALID_ARGUMENT', 'stdin, stdout and stderr');
    await cri().refuse('Exec', { ...good, cmd: [] }, 'INVALID_ARGUMENT', 'cmd');
    await cri().refuse('Exec', { ...good, cmd: ['a\0b'] }, 'INVALID_ARGUMENT', 'cmd[0]', 'NUL');
    await cri().refuse('Exec', { ...good, containerId: 'f'.repeat(64) }, 'NOT_FOUND');
    await cri().refuse('Exec', { ...good, containerId: '' }, 'INVALID_ARGUMENT', 'container_id is ""');
    const created = await pod.create();
    await cri().refuse('Exec', { ...good, containerId: created.id }, 'FAILED_PRECONDITION', created.id, 'CREATED');
  });

  it('tells a client that comes when the container has ended', async () => {
    const address = await url(['true']);
    await container.stop();
    const client = await SpdyClient.connect(address);
    const { error } = await client.openAll('error', 'stdout');
    assert.match(await error.whole(), /CONTAINER_EXITED/);
    client.destroy();
  });

  async function url(
    cmd: readonly string[],
    streams: { readonly tty?: boolean; readonly stdin?: boolean; readonly stderr?: boolean } = {},
  ): Promise<string> {
    return (await cri().call('Exec', { containerId: container.id, cmd: [...cmd], stdout: true, ...streams })).url;
  }
});
