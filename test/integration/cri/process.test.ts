import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configuredImage } from '../../../hack/images/catalogue.ts';
import type { LinuxContainerSecurityContext } from '../../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';

const secured = (securityContext: LinuxContainerSecurityContext) => ({ linux: { securityContext } });
/** What the kernel says of the process that asks: capability masks, seccomp, no_new_privs. */
const ownStatus = (field: string): string => `sed -n 's/^${field}:[[:space:]]*//p' /proc/self/status`;

describe("a container's process", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;

  beforeEach(async () => {
    await cri().call('PullImage', { image: { image: configuredImage } });
    pod = await cri().runPod();
  });

  describe('and its arguments', () => {
    const image = { image: configuredImage };

    it("are the image's entrypoint and command where nothing is said", async () => {
      const container = await pod.run({ image, command: [] });
      await container.says(/^yes 1000 \/work\n$/);
    });

    it("are the image's entrypoint with the arguments given instead of its command", async () => {
      const container = await pod.run({ image, command: [], args: ['echo "args: $FROM_IMAGE"'] });
      await container.ended();
      assert.equal(await container.stdout(), 'args: yes\n');
    });

    it("are the command given without the image's command", async () => {
      const container = await pod.run({ image, command: ['echo', 'alone'] });
      await container.ended();
      assert.equal(await container.stdout(), 'alone\n');
    });

    it('are the command and the arguments given, whatever is in them', async () => {
      const container = await pod.run({ image, command: ['printf', '[%s]\\n'], args: ['a b', '', '$HOME', 'ü✓', '--'] });
      await container.ended();
      assert.equal(Buffer.from(await container.stdout(), 'latin1').toString(), '[a b]\n[]\n[$HOME]\n[ü✓]\n[--]\n');
    });
  });

  it("has the image's environment, the one given over it, and no other", async () => {
    const envs = [
      { key: 'FROM_IMAGE', value: Buffer.from('replaced') },
      { key: 'TWICE', value: Buffer.from('first') },
      { key: 'TWICE', value: Buffer.from('last') },
      { key: 'TEXT', value: Buffer.from('a=b "c" $D ü') },
      { key: 'EMPTY', value: Buffer.alloc(0) },
    ];
    const container = await pod.run({ image: { image: configuredImage }, command: ['sleep', '10000'], envs });
    const { stdout } = await container.exec(['env']);
    assert.deepEqual(stdout.toString().trim().split('\n').filter((line) => !/^(PWD|SHLVL)=/.test(line)).sort(), [
      'EMPTY=',
      'FROM_IMAGE=replaced',
      'HOME=/home/app',
      `HOSTNAME=${pod.config.hostname}`,
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'TEXT=a=b "c" $D ü',
      'TWICE=last',
    ]);
  });

  it('starts with environment bytes that are no text', async () => {
    const value = Buffer.from([0x61, 0xff, 0xfe, 0x62]);
    const container = await pod.run({ envs: [{ key: 'BYTES', value }] });
    const { stdout } = await container.exec(['env']);
    // The OCI spec is JSON, which has no such bytes: what cannot be told is replaced, what can is kept.
    assert.match(stdout.toString(), /^BYTES=a\uFFFD\uFFFDb$/m);
  });

  it('has a PATH where neither image nor config names one', async () => {
    const container = await pod.run();
    assert.match(await container.sh('echo $PATH'), /\/bin/);
  });

  it("begins in the folder given, which is made where it is missing, or the image's", async () => {
    assert.equal(await pod.output('pwd', { workingDir: '/not/there/yet' }), '/not/there/yet\n');
    assert.equal(await pod.output('pwd', { image: { image: configuredImage } }), '/work\n');
    assert.equal(await pod.output('pwd'), '/\n');
  });

  describe('and its working directory', () => {
    const image = { image: configuredImage };
    const asUser = secured({ runAsUser: { value: 1000 }, runAsGroup: { value: 2000 } });
    const owner = (file: string): string => `stat -c %u:%g:%a ${file}`;

    it("is its user's where the image has none, and what leads there is root's", async () => {
      const script = `${owner('/not /not/there /not/there/yet')}; touch file && ${owner('file')}`;
      const output = await pod.output(script, { ...asUser, workingDir: '/not/there/yet' });
      assert.equal(output, '0:0:755\n0:0:755\n1000:2000:755\n1000:2000:644\n');
    });

    it("is root's where root is the user", async () => {
      assert.equal(await pod.output(owner('.'), { workingDir: '/not/there/yet' }), '0:0:755\n');
    });

    it('is as the image has it, also where a volume is put below', async () => {
      const folder = await cri().folder('below');
      assert.equal(await pod.output(owner('.'), { ...asUser, image }), '0:0:755\n');
      assert.equal(await pod.output(`pwd; ${owner('.')}`, { ...asUser, workingDir: '/home' }), '/home\n0:0:755\n');
      const mounts = [{ hostPath: folder, containerPath: '/work/deep/volume' }];
      assert.equal(await pod.output(owner('.'), { ...asUser, image, mounts }), '0:0:755\n');
    });

    it("is its user's where only a volume below it made the runtime make it", async () => {
      const mounts = [{ hostPath: await cri().folder('below'), containerPath: '/not/there/volume' }];
      const output = await pod.output(owner('. volume'), { ...asUser, workingDir: '/not/there', mounts });
      assert.match(output, /^1000:2000:755\n0:0:/);
    });

    it("is its user's where a link of the image leads to it", async () => {
      const output = await pod.output(`readlink -f .; ${owner('. /work')}`, { ...asUser, image, workingDir: '/link/new' });
      assert.equal(output, '/work/new\n1000:2000:755\n0:0:755\n');
    });

    it("is the volume's where it lies on one", async () => {
      const folder = await cri().folder('volume');
      const mounts = [{ hostPath: folder, containerPath: '/vol' }];
      for (const workingDir of ['/vol', '/vol/new']) await pod.output('true', { ...asUser, mounts, workingDir });
      for (const file of [folder, path.join(folder, 'new')]) {
        const { uid, gid } = await stat(file);
        assert.deepEqual([uid, gid], [0, 0], file);
      }
    });

    it('begins all the same in a root that is read-only', async () => {
      const readonly = secured({ runAsUser: { value: 1000 }, readonlyRootfs: true });
      assert.equal(await pod.output('pwd', { ...readonly, workingDir: '/not/there/yet' }), '/not/there/yet\n');
    });

    it("is its user's after a restart between its creation and its start", async () => {
      const container = await pod.create({ ...asUser, command: ['sh', '-c', owner('.')], workingDir: '/not/there/yet' });
      await cri().restartPodwright();
      await container.start();
      await container.ended();
      assert.equal(await container.stdout(), '1000:2000:755\n');
    });

    it("is its user's in a user namespace as well", async () => {
      const ids = [{ hostId: 300_000, containerId: 0, length: 65_536 }];
      const namespaceOptions = { pid: 'CONTAINER' as const, usernsOptions: { mode: 'POD' as const, uids: ids, gids: ids } };
      const own = await cri().runPod(secured({ namespaceOptions }));
      const output = await own.output(owner('/not /not/there'), { ...asUser, workingDir: '/not/there' });
      assert.equal(output, '0:0:755\n1000:2000:755\n');
      assert.equal(await own.output(owner('.'), { ...asUser, image }), '0:0:755\n');
    });
  });

  describe('and its user', () => {
    const who = 'echo "$(id -u):$(id -g) $(sed -n "s/^Groups:\\t//p" /proc/self/status | tr -s " " "\\n" | sort -n | xargs)"';

    async function identity(securityContext: LinuxContainerSecurityContext, image?: string): Promise<string> {
      const output = await pod.output(who, { ...secured(securityContext), ...(image && { image: { image } }) });
      return output.trim();
    }

    it("is the image's, with the groups that the image gives it", async () => {
      assert.equal(await identity({}, configuredImage), '1000:1000 1000 50000');
    });

    it('is root where nobody says', async () => {
      assert.match(await identity({}), /^0:0 0/);
    });

    it('is a number, whether or not the image knows it', async () => {
      assert.equal(await identity({ runAsUser: { value: 1000 } }), '1000:1000 1000 50000');
      assert.equal(await identity({ runAsUser: { value: 4242 } }), '4242:0 0');
    });

    it('is a name of the image', async () => {
      assert.equal(await identity({ runAsUsername: 'www-data' }), '33:33 33');
    });

    it('is in the group and the supplemental groups given', async () => {
      const groups = { runAsUser: { value: 1000 }, runAsGroup: { value: 7 }, supplementalGroups: [8, 9] };
      assert.equal(await identity(groups), '1000:7 7 8 9 50000');
    });

    it("is not in the image's groups where the policy is Strict", async () => {
      const strict = { runAsUser: { value: 1000 }, supplementalGroups: [8], supplementalGroupsPolicy: 'Strict' as const };
      assert.equal(await identity(strict), '1000:1000 8 1000');
    });

    it('is told by ContainerStatus', async () => {
      const container = await pod.create(secured({ runAsUser: { value: 1000 }, supplementalGroups: [8] }));
      const { user } = await container.status();
      assert.deepEqual({ ...user?.linux, supplementalGroups: user?.linux?.supplementalGroups.toSorted() }, {
        uid: '1000',
        gid: '1000',
        supplementalGroups: ['1000', '50000', '8'],
      });
    });

    it('is refused where the image does not know the name', async () => {
      const config = pod.containerConfig(secured({ runAsUsername: 'nobody-here' }));
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'nobody-here');
    });
  });

  describe('and its powers', () => {
    const defaultCapabilities = 0xa80425fbn;
    const effective = async (securityContext: LinuxContainerSecurityContext): Promise<bigint> =>
      BigInt(`0x${(await pod.output(ownStatus('CapEff'), secured(securityContext))).trim()}`);

    it('are the usual fourteen capabilities where nothing is said', async () => {
      assert.equal(await effective({}), defaultCapabilities);
    });

    it('are more or less by what is added and dropped', async () => {
      const netAdmin = 1n << 12n;
      const chown = 1n;
      assert.equal(await effective({ capabilities: { addCapabilities: ['NET_ADMIN'] } }), defaultCapabilities | netAdmin);
      assert.equal(await effective({ capabilities: { dropCapabilities: ['CHOWN'] } }), defaultCapabilities & ~chown);
      assert.equal(await effective({ capabilities: { dropCapabilities: ['ALL'] } }), 0n);
      assert.equal(await effective({ capabilities: { addCapabilities: ['CAP_CHOWN'], dropCapabilities: ['ALL'] } }), chown);
    });

    it('are none for an ordinary user, unless they are ambient', async () => {
      const user = { runAsUser: { value: 1000 } };
      assert.equal(await effective(user), 0n);
      assert.equal(await effective({ ...user, capabilities: { addAmbientCapabilities: ['NET_BIND_SERVICE'] } }), 1n << 10n);
    });

    it('are filtered by seccomp only where that is asked for', async () => {
      const mode = async (securityContext: LinuxContainerSecurityContext): Promise<string> =>
        (await pod.output(ownStatus('Seccomp'), secured(securityContext))).trim();
      assert.equal(await mode({}), '0');
      assert.equal(await mode({ seccomp: { profileType: 'Unconfined' } }), '0');
      assert.equal(await mode({ seccomp: { profileType: 'RuntimeDefault' } }), '2');
      assert.equal(await mode({ seccompProfilePath: 'runtime/default' }), '2');
      assert.equal(await mode({ seccomp: { profileType: 'Unconfined' }, seccompProfilePath: 'runtime/default' }), '0');
    });

    it("do what the node's own seccomp profile says", async () => {
      const localhostRef = path.join(await cri().folder('seccomp'), 'no-mkdir.json');
      const profile = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 27 }],
      };
      await writeFile(localhostRef, JSON.stringify(profile));
      const old = { seccompProfilePath: `localhost/${localhostRef}` };
      for (const context of [{ seccomp: { profileType: 'Localhost' as const, localhostRef } }, old]) {
        const container = await pod.run(secured(context));
        const { stderr, exitCode } = await container.try('mkdir /x');
        assert.equal(exitCode, 1);
        assert.match(stderr, /File too large/);
      }
    });

    it('cannot grow with no_new_privs', async () => {
      assert.equal(await pod.output(ownStatus('NoNewPrivs'), secured({ noNewPrivs: true })), '1\n');
      assert.equal(await pod.output(ownStatus('NoNewPrivs')), '0\n');
    });

    it('are all of them in a privileged container, which also sees the devices of the host', async () => {
      const namespaceOptions = { pid: 'CONTAINER' as const };
      const strong = await cri().runPod({ linux: { securityContext: { privileged: true, namespaceOptions } } });
      const container = await strong.run(secured({ privileged: true, namespaceOptions }));
      const all = /^CapBnd:\t(\w+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1];
      assert.equal(await container.sh(ownStatus('CapEff')), all);
      assert.equal(await container.sh(ownStatus('Seccomp')), '0');
      assert.match(await container.sh('grep " /sys " /proc/self/mounts'), / rw,/);
      await container.sh('test -c /dev/kmsg');
      await container.sh('mkdir /m && mount -t tmpfs none /m');
      const user = { privileged: true, namespaceOptions, runAsUser: { value: 1000 } };
      const ambient = { ...user, capabilities: { addAmbientCapabilities: ['NET_ADMIN'] } };
      assert.equal(BigInt(`0x${(await strong.output(ownStatus('CapEff'), secured(user))).trim()}`), 0n);
      assert.equal(BigInt(`0x${(await strong.output(ownStatus('CapEff'), secured(ambient))).trim()}`), 1n << 12n);
    });
  });

  describe('and its namespaces', () => {
    it("can be another container's PID namespace", async () => {
      const target = await pod.run({ command: ['sleep', '7777'] });
      const namespaceOptions = { pid: 'TARGET' as const, targetId: target.id };
      const debug = await pod.run(secured({ namespaceOptions }));
      assert.match(await debug.sh("tr '\\0' ' ' < /proc/1/cmdline"), /^sleep 7777/);
    });

    it('cannot be those of a container that has ended, is unknown, or is of another Pod', async () => {
      const ended = await pod.runScript('exit 0');
      await ended.ended();
      const stranger = await (await cri().runPod()).run();
      for (const targetId of [ended.id, 'f'.repeat(64), stranger.id]) {
        const config = pod.containerConfig(secured({ namespaceOptions: { pid: 'TARGET', targetId } }));
        await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'target_id', targetId);
      }
    });
  });
});
