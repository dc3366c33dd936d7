import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { commandsIn } from '../../support/container-processes.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { untilNoExecIsLeft } from '../../support/no-exec-left.ts';
import { SpdyClient } from '../../support/spdy-client.ts';

const untilTold = 'until [ -e /tmp/end ]; do sleep 0.1; done';

describe('Exec over TLS, with kill_abandoned = false', function () {
  this.timeout(120_000);
  const cri = useCriNode({}, async ({ root }) => {
    const [cert, key] = [path.join(root, 'tls', 'cert.pem'), path.join(root, 'tls', 'key.pem')];
    await mkdir(path.dirname(cert));
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=node'];
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { config: { streaming: { kill_abandoned: false, tls_cert: cert, tls_key: key } } };
  });
  let container: Container;

  beforeEach(async () => {
    container = await (await cri().runPod()).run();
  });

  async function exec(...cmd: string[]): Promise<SpdyClient> {
    const { url } = await cri().call('Exec', { containerId: container.id, cmd, stdin: true, stdout: true });
    assert.match(url, /^https:/);
    return SpdyClient.connect(url);
  }

  const running = async (): Promise<string[]> => (await commandsIn(container)).filter((command) => command.includes('until'));
  const runs = (): Promise<unknown> => eventually('it runs', async () => (await running()).length === 1);

  const nothingLeft = (): Promise<void> => untilNoExecIsLeft(cri(), container);

  /** The client goes, and podwright has noticed. */
  async function leave(client: SpdyClient): Promise<void> {
    const ended = async (): Promise<number> => (await readFile(cri().podwright.logPath, 'utf8')).split('exec ended early').length;
    const before = await ended();
    client.destroy();
    await eventually('it is noticed', async () => (await ended()) > before);
  }

  it('carries streams', async () => {
    const client = await exec('sh', '-c', 'cat; exit 3');
    const { stdin, stdout, error } = await client.openAll('error', 'stdin', 'stdout');
    const input = 'abcdefgh'.repeat(200_000);
    stdin.end(input);
    assert.equal((await stdout.whole()) === input, true);
    assert.match(await error.whole(), /"ExitCode","message":"3"/);
    client.destroy();
  });

  it('leaves a command running whose client has gone, and takes its output until it ends', async () => {
    const client = await exec('sh', '-c', `${untilTold}; dd if=/dev/zero bs=65536 count=100; touch /tmp/written`);
    await client.openAll('error', 'stdin', 'stdout');
    await runs();
    await leave(client);
    assert.equal((await running()).length, 1);
    await container.sh('touch /tmp/end; until [ -e /tmp/written ]; do sleep 0.1; done');
    await nothingLeft();
  });

  for (const [ends, signal] of [['killed', 'SIGKILL'], ['stopped', 'SIGTERM']] as const) {
    it(`leaves a command running when podwright is ${ends}, and the next takes it over`, async () => {
      const client = await exec('sh', '-c', untilTold);
      await client.openAll('error', 'stdin', 'stdout');
      await runs();
      await cri().restartPodwright(signal);
      assert.equal((await running()).length, 1);
      await container.sh('touch /tmp/end');
      await nothingLeft();
    });
  }
});
