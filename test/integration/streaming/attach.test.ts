import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Said } from '../../support/child-streams.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { SpdyClient } from '../../support/spdy-client.ts';

/** Says what it reads, line by line, and how it ends. */
const parrot = 'while read x; do echo "<$x>"; [ "$x" = quit ] && exit 4; done; echo end of input';

describe('Attach', function () {
  this.timeout(120_000);
  const cri = useCriNode();
  let pod: Pod;

  beforeEach(async () => {
    pod = await cri().runPod();
  });

  function attach(container: Container, ...flags: string[]): { readonly child: ReturnType<typeof spawn>; readonly said: Said } {
    const child = spawn(...flags, container.id);
    return { child, said: new Said(child) };
  }
  const spawn = (...args: string[]) => cri().node.spawnCrictl('attach', ...args);

  async function client(container: Container, streams: { stdin?: boolean; stdout?: boolean; stderr?: boolean; tty?: boolean }): Promise<SpdyClient> {
    const { url } = await cri().call('Attach', { containerId: container.id, ...streams });
    return SpdyClient.connect(url);
  }

  for (const transport of ['spdy', 'websocket']) {
    describe(`by crictl over ${transport}`, () => {
      it('joins what the container reads and writes, and ends with it', async () => {
        const container = await pod.runScript(parrot, { stdin: true });
        const { child, said } = attach(container, '-r', transport, '-i');
        child.stdin.write('hello\n');
        await said.until(/<hello>/);
        child.stdin.write('quit\n');
        assert.equal(await said.ended, 0);
        assert.equal(said.text, '<hello>\n<quit>\n');
        assert.equal((await container.ended()).exitCode, 4);
        assert.equal(await container.stdout(), '<hello>\n<quit>\n');
      });

      it('ends the input of a container with stdin_once, when the client ends it', async () => {
        const container = await pod.runScript(parrot, { stdin: true, stdinOnce: true });
        const { child, said } = attach(container, '-r', transport, '-i');
        child.stdin.end('one\n');
        assert.equal(await said.ended, 0);
        assert.equal(said.text, '<one>\nend of input\n');
      });

      it('has the terminal and its size', async () => {
        const container = await pod.run({ command: ['sh'], stdin: true, tty: true });
        const child = cri().node.spawnCrictlOnTty('attach', '-r', transport, '-i', '-t', container.id);
        const said = new Said(child);
        child.stdin.write('stty size; echo done $((1 + 1))\n');
        await said.until(/40 100[^]*done 2/);
        child.stdin.write('exit 3\n');
        await said.ended;
        assert.equal((await container.ended()).exitCode, 3);
      });

      it('leaves a container running whose client is killed, and open to the next', async () => {
        const container = await pod.runScript(parrot, { stdin: true });
        const first = attach(container, '-r', transport, '-i');
        first.child.stdin.write('one\n');
        await first.said.until(/<one>/);
        first.child.kill('SIGKILL');
        await first.said.ended;
        const second = attach(container, '-r', transport, '-i');
        second.child.stdin.write('two\n');
        assert.equal(await second.said.until(/<two>/), '<two>\n');
        assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
        second.child.kill('SIGKILL');
      });
    });
  }

  it('gives many clients all output from when they came, each apart', async () => {
    const container = await pod.runScript(`echo before; while read x; do echo "out $x"; echo "err $x" >&2; done`, { stdin: true });
    await container.says(/before/);
    const both = await client(container, { stdin: true, stdout: true, stderr: true });
    const { stdin, stdout, stderr } = await both.openAll('error', 'stdin', 'stdout', 'stderr');
    const others = await Promise.all(Array.from({ length: 10 }, () => client(container, { stdout: true })));
    const outs = await Promise.all(others.map((other) => other.openAll('error', 'stdout')));
    // A client is told that its streams are open before it listens.
    const knows = (): Promise<true> => eventually('all listen', () => {
      stdin.write('ping\n');
      return [stdout, ...outs.map((one) => one.stdout)].every(({ text }) => text.includes('out ping\n'));
    });
    await knows();
    stdin.write('last\n');
    for (const each of [stdout, ...outs.map((one) => one.stdout)]) {
      await eventually('it has the last line', () => each.text.endsWith('out last\n'));
      assert.doesNotMatch(each.text, /before|err/);
    }
    await eventually('it has the errors', () => stderr.text.endsWith('err last\n'));
    await container.stop();
    for (const each of outs) assert.equal(await each.error.whole(), '{"metadata":{},"status":"Success"}');
    for (const one of [both, ...others]) one.destroy();
  });

  it('cuts a client that does not read, and holds back neither the log nor another client', async () => {
    const container = await pod.runScript('read go; dd if=/dev/zero bs=1000 count=20000 2>/dev/null | tr "\\0" "x" | fold -w 99; echo; echo done; read stop', { stdin: true });
    const slow = await client(container, { stdout: true });
    const { error } = await slow.openAll('error', 'stdout');
    const writer = await client(container, { stdin: true });
    const { stdin } = await writer.openAll('error', 'stdin');
    await eventually('the slow one listens', async () => (await cri().node.crictl('info')).length > 0);
    slow.socket.pause();
    stdin.write('go\n');
    await container.says(/done\n$/);
    slow.socket.resume();
    assert.match(await error.whole(), /too slowly/);
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
    slow.destroy();
    writer.destroy();
  });

  it('carries 100 MB into the container', async () => {
    const container = await pod.runScript('sha256sum', { stdin: true, stdinOnce: true });
    const input = randomBytes(100_000_000);
    const { child, said } = attach(container, '-i');
    child.stdin.end(input);
    assert.equal(await said.ended, 0);
    assert.equal(said.text, `${createHash('sha256').update(input).digest('hex')}  -\n`);
  });

  it('ends with a container whose child keeps the output open', async () => {
    const own = await cri().runPod({ linux: { securityContext: { namespaceOptions: { pid: 'POD' } } } });
    const container = await own.runScript('read go; (sleep 1000; echo late) & echo last', { stdin: true });
    const { child, said } = attach(container, '-i');
    child.stdin.write('go\n');
    assert.equal(await said.ended, 0);
    assert.equal(said.text, 'last\n');
  });

  it('works again after podwright was killed, and the container never noticed', async () => {
    const container = await pod.runScript(parrot, { stdin: true });
    const first = attach(container, '-i');
    first.child.stdin.write('one\n');
    await first.said.until(/<one>/);
    await cri().restartPodwright();
    await first.said.ended;
    const second = attach(container, '-i');
    second.child.stdin.write('two\n');
    await second.said.until(/<two>/);
    second.child.stdin.write('quit\n');
    assert.equal(await second.said.ended, 0);
    assert.equal(await container.stdout(), '<one>\n<two>\n<quit>\n');
  });

  it('tells its clients when podwright stops', async () => {
    const container = await pod.runScript(parrot, { stdin: true });
    const { child, said } = attach(container, '-i');
    child.stdin.write('one\n');
    await said.until(/<one>/);
    await cri().restartPodwright('SIGTERM');
    assert.notEqual(await said.ended, 0);
    assert.match(said.errors, /podwright stops/);
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  });

  it('drops the input of a container that reads none', async () => {
    const container = await pod.runScript('sleep 1; echo slept; sleep 1');
    const { child, said } = attach(container, '-i');
    child.stdin.write('nobody reads this\n');
    assert.equal(await said.ended, 0);
  });

  it('is refused for another tty than the container has, no stream, and what does not run', async () => {
    const container = await pod.run({ tty: true });
    await cri().refuse('Attach', { containerId: container.id, stdout: true }, 'INVALID_ARGUMENT', 'tty');
    await cri().refuse('Attach', { containerId: container.id, tty: true }, 'INVALID_ARGUMENT', 'stdout');
    await cri().refuse('Attach', { containerId: container.id, tty: true, stdout: true, stderr: true }, 'INVALID_ARGUMENT', 'stderr');
    const created = await pod.create();
    await cri().refuse('Attach', { containerId: created.id, stdout: true }, 'FAILED_PRECONDITION', created.id);
    await cri().refuse('Attach', { containerId: 'f'.repeat(64), stdout: true }, 'NOT_FOUND');
    await cri().refuse('Attach', { containerId: '', stdout: true }, 'INVALID_ARGUMENT', 'container_id is ""');
  });
});
