import assert from 'node:assert/strict';
import { busyboxImage, configuredImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';

describe('crictl', function () {
  this.timeout(120_000);
  const cri = useCriNode();
  const crictl = async (...args: readonly string[]): Promise<string> => (await cri().node.crictl(...args)).trim();
  const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await crictl(...args)) as T;

  /** Runs a Pod by crictl. Returns its id and the files of its config. */
  async function runp(name: string): Promise<{ readonly id: string; readonly file: string }> {
    const file = await cri().node.writeJson({
      metadata: { name, namespace: 'default', uid: `uid-${name}`, attempt: 1 },
      hostname: name,
      log_directory: `${cri().node.root}/logs/${name}`,
      labels: { app: name },
      linux: { security_context: { namespace_options: { pid: 1 } } },
    });
    return { id: await crictl('runp', file), file };
  }

  async function container(name: string, fields: object = {}): Promise<string> {
    return cri().node.writeJson({
      metadata: { name },
      image: { image: busyboxImage },
      command: ['sh', '-c', 'echo hello from $0; sleep 10000', name],
      log_path: `${name}.log`,
      linux: {},
      ...fields,
    });
  }

  it('tells who serves and how it is', async () => {
    assert.match(await crictl('version'), /RuntimeName: +podwright/);
    const info = await json<{ status: { conditions: { type: string; status: boolean }[] }; config: { stateDir: string }; podwright: { pid: number } }>('info');
    assert.deepEqual([info.config.stateDir, info.podwright.pid], [cri().podwright.state, cri().podwright.pid]);
    assert.deepEqual(info.status.conditions.map(({ type, status }) => [type, status]), [
      ['RuntimeReady', true],
      ['NetworkReady', true],
    ]);
    assert.match(await crictl('runtime-config'), /CGROUPFS/);
  });

  it('pulls, lists, inspects and removes images', async () => {
    assert.match(await crictl('pull', configuredImage), /sha256:[0-9a-f]{64}/);
    assert.match(await crictl('images'), /podwright\/configured +1 /);
    const { status } = await json<{ status: { id: string; repoTags: string[]; username: string } }>('inspecti', configuredImage);
    assert.deepEqual([status.repoTags, status.username], [[configuredImage], 'app']);
    assert.match(await crictl('imagefsinfo'), /mountpoint/i);
    await crictl('rmi', status.id.slice(0, 20));
    assert.doesNotMatch(await crictl('images'), /configured/);
  });

  it('brings a Pod and its container through their life', async () => {
    const pod = await runp('life');
    assert.match(await crictl('pods'), new RegExp(`${pod.id.slice(0, 13)} .*Ready +life +default`));
    const { status } = await json<{ status: { state: string; network: { ip: string } } }>('inspectp', pod.id);
    assert.equal(status.state, 'SANDBOX_READY');
    assert.match(status.network.ip, /^10\./);

    const id = await crictl('create', pod.id, await container('c'), pod.file);
    assert.match(await crictl('ps', '-a'), new RegExp(`${id.slice(0, 13)} .*Created +c `));
    await crictl('start', id);
    assert.match(await crictl('ps'), /Running +c /);
    assert.equal(await crictl('exec', '-s', id, 'echo', 'from inside'), 'from inside');
    assert.notEqual((await cri().node.tryCrictl(['exec', '-s', id, 'false'])).code, 0);
    await eventually('its log is there', async () => (await crictl('logs', id)) === 'hello from c');

    const inspected = await json<{ status: { state: string; logPath: string }; info: { pid: number } }>('inspect', id);
    assert.equal(inspected.status.state, 'CONTAINER_RUNNING');
    assert.ok(inspected.info.pid > 0);
    await crictl('update', '--memory', '67108864', id);
    const updated = await json<{ status: { resources: { linux: { memoryLimitInBytes: string } } } }>('inspect', id);
    assert.equal(updated.status.resources.linux.memoryLimitInBytes, '67108864');
    assert.match(await crictl('stats', '--seconds', '0'), new RegExp(id.slice(0, 13)));
    assert.match(await crictl('statsp', '--seconds', '0'), new RegExp(pod.id.slice(0, 13)));

    await crictl('stop', id);
    assert.match(await crictl('ps', '-a'), /Exited +c /);
    await crictl('rm', id);
    assert.doesNotMatch(await crictl('ps', '-a'), new RegExp(id.slice(0, 13)));
    await crictl('stopp', pod.id);
    assert.match(await crictl('pods'), /NotReady +life/);
    await crictl('rmp', pod.id);
    assert.equal(await crictl('pods', '-q'), '');
    await cri().assertNothingLeft();
  });

  it('runs a container and its Pod with one command, and removes both by force', async () => {
    const pod = await cri().node.writeJson({ metadata: { name: 'one', namespace: 'default', uid: 'uid-one' }, linux: {} });
    await crictl('run', await container('quick'), pod);
    assert.match(await crictl('ps'), /Running +quick/);
    await crictl('rmp', '--force', '--all');
    assert.equal(await crictl('ps', '-aq'), '');
    await cri().assertNothingLeft();
  });

  it('filters by name, state and label', async () => {
    const [one, two] = [await runp('one'), await runp('two')];
    await crictl('stopp', two.id);
    assert.equal(await crictl('pods', '-q', '--label', 'app=one'), one.id);
    assert.equal(await crictl('pods', '-q', '--state', 'NotReady'), two.id);
    assert.equal(await crictl('pods', '-q', '--id', one.id.slice(0, 13)), one.id);
  });
});
