import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { commandsIn } from '../../support/container-processes.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { untilNoExecIsLeft } from '../../support/no-exec-left.ts';
import { run } from '../../support/node/run.ts';

/** It takes 4 s; a machine that is busy gets more. Without podwright's care it takes the kernel 15 minutes, or for ever. */
const soonMs = 20_000;

describe('A client whose network is cut', function () {
  this.timeout(120_000);
  // The clients are in Pods, and reach podwright at the bridge.
  const cri = useCriNode({}, async ({ facts }) => ({
    config: { streaming: { address: `${facts.subnet}.1`, allow_plaintext: true } },
  }));
  const children: ChildProcessWithoutNullStreams[] = [];
  let container: Container;
  let away: Pod;
  let netns: string;

  beforeEach(async () => {
    container = await (await cri().runPod()).run();
    away = await cri().runPod();
    await away.isComplete();
    netns = `--net=/proc/${await away.pausePid()}/ns/net`;
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** crictl in a Pod's network. */
  function crictl(...args: string[]): ChildProcessWithoutNullStreams {
    const child = spawn('nsenter', [netns, ...cri().node.crictlCommand(cri().podwright.socket), ...args]);
    children.push(child);
    child.stdin.on('error', () => {});
    return child;
  }

  /** Takes the link away: no end and no reset ever comes. */
  const cut = (): Promise<string> => run('nsenter', [netns, 'ip', 'link', 'set', 'eth0', 'down']);
  const runs = (): Promise<unknown> => eventually('it runs', async () => (await commandsIn(container)).length > 0);

  async function nothingLeft(timeoutMs: number): Promise<void> {
    await untilNoExecIsLeft(cri(), container, timeoutMs);
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  }

  for (const transport of ['spdy', 'websocket']) {
    describe(`and spoke ${transport}`, () => {
      it('has its silent command ended soon, with all that it started', async () => {
        crictl('exec', '-r', transport, '-i', container.id, 'sh', '-c', 'sleep 54341 & sleep 54342');
        await eventually('it runs', async () => (await commandsIn(container)).filter((one) => one.startsWith('sleep')).length === 2);
        await cut();
        await nothingLeft(soonMs);
      });

      it('has a command ended that goes on writing', async () => {
        const child = crictl('exec', '-r', transport, container.id, 'sh', '-c', 'while sleep 0.1; do echo on; done');
        let said = '';
        child.stdout.on('data', (text: Buffer) => (said += text.toString()));
        await eventually('it writes', () => said.length > 10);
        await cut();
        await nothingLeft(soonMs);
      });

      it('has a command ended that reads no more of what it was sent', async () => {
        const child = crictl('exec', '-r', transport, '-i', container.id, 'sleep', '54343');
        await runs();
        for (let i = 0; i < 200; i++) child.stdin.write(Buffer.alloc(65_536));
        await eventually('its input waits', () => child.stdin.writableLength > 0);
        await cut();
        await nothingLeft(soonMs);
      });

      it('has a command ended that waited for it to take its output', async () => {
        const child = crictl('exec', '-r', transport, container.id, 'sh', '-c', 'cat /dev/zero');
        await eventually('much has come', () => child.stdout.readableLength > 0);
        child.kill('SIGSTOP');
        const written = async (): Promise<number> => {
          const [pid = ''] = (await run('pgrep', ['-f', '^cat /dev/zero'])).split('\n');
          return Number(/wchar: (\d+)/.exec(await run('cat', [`/proc/${pid}/io`]))?.[1]);
        };
        let last = -1;
        await eventually('it waits', async () => last === (last = await written()));
        await cut();
        await nothingLeft(soonMs);
      });
    });
  }
});
