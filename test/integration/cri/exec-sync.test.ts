import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { commandsIn } from '../../support/container-processes.ts';
import { eventually } from '../../support/eventually.ts';

const mib = 2 ** 20;

describe('ExecSync', function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;
  let container: Container;

  beforeEach(async () => {
    pod = await cri().runPod();
    container = await pod.run();
  });

  const commands = (): Promise<string[]> => commandsIn(container);

  it('answers with output, errors and exit code, each apart', async () => {
    const answer = await container.exec(['sh', '-c', 'echo out; echo err >&2; exit 42']);
    assert.equal(answer.stdout.toString(), 'out\n');
    assert.equal(answer.stderr.toString(), 'err\n');
    assert.equal(answer.exitCode, 42);
  });

  it('gives bytes as they are', async () => {
    const { stdout } = await container.exec(['printf', '\\377\\000\\r\\n\\033']);
    assert.deepEqual(stdout, Buffer.from([0xff, 0, 0x0d, 0x0a, 0x1b]));
  });

  it('keeps as much output as a client takes, 16 MiB, and lets the command write on', async () => {
    const much = 'head -c 33554432 /dev/zero';
    const one = await container.exec(['sh', '-c', `${much}; echo done > /finished; exit 6`]);
    assert.equal(one.exitCode, 6);
    assert.ok(one.stdout.length > 16 * mib - 100 && one.stdout.length <= 16 * mib);
    assert.equal(await container.sh('cat /finished'), 'done');
    const both = await container.exec(['sh', '-c', `${much}; ${much} >&2; exit 7`]);
    assert.equal(both.exitCode, 7);
    assert.ok(both.stdout.length > 8 * mib - 100 && both.stderr.length > 8 * mib - 100);
  });

  it("runs as the container's user, in its folder, with its environment", async () => {
    const envs = [{ key: 'GIVEN', value: Buffer.from('yes') }];
    const securityContext = { runAsUser: { value: 1000 }, supplementalGroups: [77], capabilities: { dropCapabilities: ['ALL'] } };
    const own = await pod.run({ envs, workingDir: '/tmp', linux: { securityContext } });
    assert.equal(await own.sh('echo $(id -u) $(pwd) $GIVEN; id -G | tr " " "\\n" | grep -c 77'), '1000 /tmp yes\n1');
    assert.match(await own.sh('grep CapBnd /proc/self/status'), /0000000000000000/);
  });

  it('ends a command that takes too long, with everything it started', async () => {
    const script = 'sleep 54321 & setsid sleep 54322 & (sleep 54323 & sleep 54324) & sleep 54325';
    const request = { containerId: container.id, cmd: ['sh', '-c', script], timeout: 1 };
    await cri().refuse('ExecSync', request, 'DEADLINE_EXCEEDED', container.id);
    await eventually('all of it is gone', async () => (await commands()).length === 0);
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  });

  it('ends a command whose caller has gone', async () => {
    const deadline = Date.now() + 500;
    const answer = await cri().client.call('ExecSync', { containerId: container.id, cmd: ['sleep', '54326'] }, { deadline });
    assert.equal(answer.code, 4);
    await eventually('it is gone', async () => (await commands()).length === 0);
  });

  it('does not wait for a child that keeps the pipe open', async () => {
    const { stdout, exitCode } = await container.exec(['sh', '-c', 'echo said; sleep 54327 & exit 3']);
    assert.deepEqual([stdout.toString(), exitCode], ['said\n', 3]);
    assert.deepEqual(await commands(), ['sleep 54327']);
  });

  it('fails in the words of the runtime for a command that is not there', async () => {
    const { code, details } = await cri().try('ExecSync', { containerId: container.id, cmd: ['/no/such/program'] });
    assert.notEqual(code, 0);
    assert.match(details, /no such file or directory/);
  });

  it('is refused for a container that does not run, is unknown, or for no command or half of one', async () => {
    const cmd = ['true'];
    const created = await pod.create();
    await cri().refuse('ExecSync', { containerId: created.id, cmd }, 'FAILED_PRECONDITION', 'CREATED', created.id);
    const ended = await pod.runScript('exit 0');
    await ended.ended();
    await cri().refuse('ExecSync', { containerId: ended.id, cmd }, 'FAILED_PRECONDITION', 'EXITED');
    await cri().refuse('ExecSync', { containerId: 'f'.repeat(64), cmd }, 'NOT_FOUND');
    await cri().refuse('ExecSync', { containerId: container.id, cmd: [] }, 'INVALID_ARGUMENT', 'cmd');
    await cri().refuse('ExecSync', { containerId: container.id, cmd: ['echo', 'a\0b'] }, 'INVALID_ARGUMENT', 'cmd[1]', 'NUL');
    await cri().refuse('ExecSync', { containerId: container.id, cmd, timeout: -1 }, 'INVALID_ARGUMENT', 'timeout', '-1');
  });

  it('ends with the container', async () => {
    const execs = [1, 2, 3].map(() => cri().try('ExecSync', { containerId: container.id, cmd: ['sleep', '54328'] }));
    await eventually('they run', async () => (await commands()).length === 3);
    await container.stop();
    for (const answer of await Promise.all(execs)) {
      assert.ok(answer.code !== 0 || answer.response['exitCode'] === 137, answer.details);
    }
  });

  it('leaves neither a file nor a process in the shim, also many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => container.exec(['sh', '-c', `echo ${i}`])));
    assert.deepEqual(answers.map(({ stdout }) => stdout.toString()), answers.map((_, i) => `${i}\n`));
    const folder = path.join(cri().podwright.state, 'containers', container.id, 'exec');
    await eventually('its folders are gone', async () => !existsSync(folder) || (await readdir(folder)).length === 0);
    await eventually('only its first process is known', async () => {
      const lines = (await cri().node.ctr('tasks', 'ps', container.id)).trim().split('\n');
      return lines.length === 2;
    });
  });
});
