import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { busyboxImage, webImage } from '../../../hack/images/catalogue.ts';
import { readAll } from '../../support/child-streams.ts';
import { eventually } from '../../support/eventually.ts';
import { shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const talking = shellContainer('talking', 'echo listening; while read -r line; do echo "heard $line"; done; echo the end', { stdin: true, stdinOnce: true });
const onTerminal = { ...shellContainer('terminal', 'stty -echo; tty; while read -r line; do echo "heard $line"; done', { stdin: true, tty: true }) };

describe('kubectl', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('kubectl');
  let files: string;

  before(async () => {
    files = path.join(k8s.node.root, 'files', 'kubectl');
    await mkdir(files, { recursive: true });
    await k8s.start(
      makePod('main', [shellContainer('box', idle), { name: 'web', image: webImage }]),
      makePod('talking', [talking], { restartPolicy: 'Never' }),
      makePod('terminal', [onTerminal]),
    );
  });

  /** Waits until a program has printed a text. */
  async function untilPrinted(child: ChildProcessWithoutNullStreams, text: RegExp): Promise<RegExpExecArray> {
    let printed = '';
    const hear = (data: Buffer): void => void (printed += data.toString());
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    return eventually(() => `${text} is printed; so far: ${printed}`, () => text.exec(printed) ?? undefined);
  }

  /** kubectl with a terminal of 40 rows and 100 columns. */
  const onTty = (...args: readonly string[]): ChildProcessWithoutNullStreams =>
    spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', `stty rows 40 cols 100; ${path.join(k8s.cluster.binFolder, 'kubectl')} --namespace=${k8s.namespace} ${args.join(' ')}`, '/dev/null']);

  describe('exec', () => {
    it('tells output, errors and exit code apart', async () => {
      assert.deepEqual(await k8s.tryExec('main', 'echo out; echo err >&2; exit 7', 'box'), {
        code: 7,
        stdout: 'out\n',
        stderr: 'err\ncommand terminated with exit code 7\n',
      });
    });

    it('carries any amount of any bytes in and out', async () => {
      const data = randomBytes(4 * 1024 * 1024);
      const child = k8s.spawnKubectl('exec', '--stdin', 'main', '--container=box', '--', 'sh', '-c', 'tee /tmp/data | base64');
      const reading = readAll(child);
      child.stdin.end(data);
      const { code, stdout } = await reading;
      assert.equal(code, 0);
      assert.ok(Buffer.from(stdout, 'base64').equals(data));
    });

    it('has a terminal of the size of the caller\'s', async () => {
      const { code, stdout } = await readAll(onTty('exec', '--stdin', '--tty', 'main', '--container=box', '--', 'sh', '-c', '"tty; until stty size 2> /dev/null | grep 40; do sleep 0.1; done; exit 3"'));
      assert.match(stdout, /\/dev\/pts\/0\r\n40 100\r\n/);
      assert.equal(code, 3);
    });

    it('says what is wrong with a command that is not there', async () => {
      const { code, stderr } = await k8s.tryKubectl(['exec', 'main', '--container=box', '--', '/no/such/program']);
      assert.notEqual(code, 0);
      assert.match(stderr, /\/no\/such\/program.*no such file or directory/s);
    });
  });

  it('attach talks to a container, which goes on hearing until its input ends', async () => {
    const child = k8s.spawnKubectl('attach', '--stdin', '--quiet', 'talking');
    const reading = readAll(child);
    child.stdin.write('hello\n');
    await untilPrinted(child, /heard hello/);
    child.stdin.end('and goodbye\n');
    assert.match((await reading).stdout, /^heard hello\nheard and goodbye\nthe end\n$/m);
    assert.equal((await k8s.untilEnded('talking')).status?.phase, 'Succeeded');
    assert.equal(await k8s.logs('talking'), 'listening\nheard hello\nheard and goodbye\nthe end\n');
  });

  it('attach has the terminal of a container that has one', async () => {
    const child = onTty('attach', '--stdin', '--tty', '--quiet', 'terminal');
    const ended = readAll(child);
    child.stdin.write('hello\n');
    await untilPrinted(child, /heard hello\r\n/);
    child.kill();
    await ended;
    assert.match(await k8s.logs('terminal'), /\/dev\/pts\/0/);
  });

  it('cp copies files and folders into a container and out of it', async () => {
    const data = randomBytes(300_000);
    await mkdir(path.join(files, 'in', 'deep'), { recursive: true });
    await writeFile(path.join(files, 'in', 'data'), data);
    await writeFile(path.join(files, 'in', 'deep', 'note'), 'deep\n');

    await k8s.kubectl('cp', path.join(files, 'in'), 'main:/tmp/copied', '--container=box');
    assert.equal(await k8s.exec('main', 'cat /tmp/copied/deep/note', 'box'), 'deep\n');
    await k8s.kubectl('cp', 'main:/tmp/copied', path.join(files, 'out'), '--container=box');

    assert.ok((await readFile(path.join(files, 'out', 'data'))).equals(data));
    assert.equal(await readFile(path.join(files, 'out', 'deep', 'note'), 'utf8'), 'deep\n');
  });

  it('port-forward reaches a port of the Pod, many times at once, and says when nobody listens', async () => {
    const child = k8s.spawnKubectl('port-forward', 'pod/main', ':8080', ':8081');
    const ended = readAll(child);
    try {
      const [, port, closed] = await untilPrinted(child, /127\.0\.0\.1:(\d+) -> 8080[^]*127\.0\.0\.1:(\d+) -> 8081/);
      const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
      assert.deepEqual(new Set(await Promise.all(Array.from({ length: 8 }, get))), new Set(['hello from podwright\n']));
      const refused = untilPrinted(child, /connection refused/i);
      await assert.rejects(fetch(`http://127.0.0.1:${closed}/`));
      await refused;
    } finally {
      child.kill();
      await ended;
    }
  });

  it('debug makes a copy of a Pod with another command', async () => {
    await k8s.kubectl('debug', 'main', '--copy-to=copy', '--container=web', `--image=${busyboxImage}`, '--attach=false', '--', 'sh', '-c', `echo in the copy; ${idle}`);
    await k8s.untilReady('copy');
    assert.equal(await k8s.untilLogs('copy', 'web', (text) => text !== ''), 'in the copy\n');
  });

  it('debug looks at a node from a Pod there', async () => {
    const { name } = k8s.node.facts;
    const told = await k8s.kubectl('debug', `node/${name}`, `--image=${busyboxImage}`, '--profile=sysadmin', '--attach=false', '--', 'sh', '-c', `ls -d /host${k8s.node.root}/node.json; ls -d /proc/${k8s.node.kubelet.pid}`);
    const pod = /pod (\S+)/.exec(told)?.[1] ?? k8s.watch.all().find((each) => each.metadata.name.startsWith(`node-debugger-${name}`))?.metadata.name;
    assert.ok(pod, told);
    assert.equal((await k8s.untilEnded(pod)).status?.phase, 'Succeeded');
    assert.equal(await k8s.logs(pod), `/host${k8s.node.root}/node.json\n/proc/${k8s.node.kubelet.pid}\n`);
  });

  it('finds what top shows where its server looks for it, at the kubelet', async () => {
    const sample = await eventually('the kubelet tells of the container', async () => {
      const metrics = await k8s.kubectl('get', '--raw', `/api/v1/nodes/${k8s.node.facts.name}/proxy/metrics/resource`);
      const of = (name: string): number => Number(new RegExp(`^${name}\\{[^}]*container="box",namespace="${k8s.namespace}",pod="main"\\} (\\S+)`, 'm').exec(metrics)?.[1] ?? 0);
      const cpuSeconds = of('container_cpu_usage_seconds_total');
      const memoryBytes = of('container_memory_working_set_bytes');
      return cpuSeconds > 0 && memoryBytes > 0 && { cpuSeconds, memoryBytes };
    });
    // A shell.
    assert.ok(sample.memoryBytes < 50_000_000, String(sample.memoryBytes));
  });
});
