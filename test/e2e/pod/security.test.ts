import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { programsImage } from '../../../hack/images/catalogue.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import { idOf, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const data = { name: 'data', mountPath: '/data' };
const withData = { volumes: [{ name: 'data', emptyDir: {} }] };

/** A Pod of one container under some security contexts, its own first. */
const under = (name: string, container: object, pod: object = {}, spec: object = {}): Pod =>
  makePod(name, [shellContainer('main', idle, { image: programsImage, volumeMounts: [data], securityContext: container })], { ...withData, securityContext: pod, ...spec });

const noFolders = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] };

/** The mask of a set of capabilities, as the kernel has them in /proc/PID/status, for instance CapEff. */
const capabilities = (set: string): string => `awk '/^${set}:/ { print $2 }' /proc/self/status`;

describe("a Pod's security context", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('security');

  before(async () => {
    const profiles = path.join(k8s.node.root, 'k', 'root', 'seccomp');
    await mkdir(profiles, { recursive: true });
    await writeFile(path.join(profiles, 'no-folders.json'), JSON.stringify(noFolders));
    const main = { image: programsImage, volumeMounts: [data] };
    await k8s.run(
      makePod(
        'users',
        [shellContainer('main', idle, main), shellContainer('own', idle, { ...main, securityContext: { runAsUser: 4321, runAsGroup: 5432 } })],
        { ...withData, securityContext: { runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456, supplementalGroups: [4567] } },
      ),
      under('never-root', { runAsNonRoot: true }),
      under('read-only', { readOnlyRootFilesystem: true }),
      under('usual', {}),
      under('powerless', { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
      under('as-1000', { runAsUser: 1000 }),
      under('no-more', { runAsUser: 1000, allowPrivilegeEscalation: false }),
      under('filtered', { runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }),
      under('unfiltered', { runAsUser: 1000, seccompProfile: { type: 'Unconfined' } }),
      under('own-filter', {}, { seccompProfile: { type: 'Localhost', localhostProfile: 'no-folders.json' } }),
      under('own-users', {}, {}, { hostUsers: false }),
      under('mighty', { privileged: true }),
      under('tuned', {}, { sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: '40000 41000' }, { name: 'kernel.shm_rmid_forced', value: '1' }] }),
    );
  });

  const run = async (pod: string, script: string, container = 'main'): Promise<string> => {
    await k8s.untilReady(pod);
    return (await k8s.exec(pod, script, container)).trim();
  };

  /** Runs what has to fail, and returns what it says. */
  const fail = async (pod: string, script: string): Promise<string> => {
    await k8s.untilReady(pod);
    const { code, stdout, stderr } = await k8s.tryExec(pod, script, 'main');
    assert.notEqual(code, 0, `${script} succeeded: ${stdout}`);
    return stderr;
  };

  it('makes the user, group and supplemental groups those of its containers', async () => {
    assert.equal(await run('users', 'id -u; id -G'), '1234\n2345 3456 4567');
  });

  it("gives way to a container's own", async () => {
    assert.equal(await run('users', 'id -u; id -G', 'own'), '4321\n5432 3456 4567');
  });

  it('gives volumes to the group of fsGroup, and with them what is made there', async () => {
    assert.equal(await run('users', 'stat -c %g /data; touch /data/file; stat -c "%u %g" /data/file'), '3456\n1234 3456');
    assert.equal(await run('users', 'echo more >> /data/other; stat -c "%u %g" /data/other', 'own'), '4321 3456');
  });

  it('keeps a container from running as root where that is not wanted', async () => {
    const pod = await k8s.untilPod('never-root', 'refused', ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    assert.match(statusOf(pod, 'main').state?.waiting?.message ?? '', /runAsNonRoot/);
  });

  it('makes the root file system read-only, but not the volumes', async () => {
    assert.match(await fail('read-only', 'touch /file'), /Read-only file system/);
    assert.equal(await run('read-only', 'touch /data/file && echo done'), 'done');
  });

  it('leaves the usual capabilities where it says nothing', async () => {
    // Those of moby and containerd, fourteen.
    assert.equal(await run('usual', capabilities('CapEff')), '00000000a80425fb');
    assert.equal(await run('usual', capabilities('CapBnd')), '00000000a80425fb');
  });

  it('takes capabilities and gives them', async () => {
    assert.equal(await run('powerless', capabilities('CapEff')), '0000000000000400');
    assert.match(await fail('powerless', 'chown 1000 /data'), /Operation not permitted/);
    assert.equal(await run('usual', 'mkdir /data/of-app && chown 1000 /data/of-app && stat -c %u /data/of-app'), '1000');
  });

  it('keeps a program with the setuid bit from getting more rights', async () => {
    assert.equal(await run('as-1000', 'effective-uid'), 'Effective uid: 0');
    assert.equal(await run('no-more', 'effective-uid'), 'Effective uid: 1000');
    assert.equal(await run('no-more', "awk '/^NoNewPrivs:/ { print $2 }' /proc/self/status"), '1');
  });

  it('filters system calls as the runtime does by default', async () => {
    assert.equal(await run('filtered', "awk '/^Seccomp:/ { print $2 }' /proc/self/status"), '2');
    assert.match(await fail('filtered', 'unshare --user true'), /Operation not permitted/);
    assert.equal(await run('unfiltered', 'unshare --user echo done'), 'done');
  });

  it('filters system calls by a profile of the node', async () => {
    assert.match(await fail('own-filter', 'mkdir /data/folder'), /Operation not permitted/);
    assert.equal(await run('own-filter', 'touch /data/file && echo done'), 'done');
  });

  it('maps root to nobody in particular, with users of its own', async () => {
    const [inside, outside, count] = (await run('own-users', 'cat /proc/self/uid_map')).split(/ +/).map(Number);
    assert.equal(inside, 0);
    assert.ok((outside ?? 0) >= 65_536);
    assert.equal(count, 65_536);
    // Root inside all the same, for whom files are where they should be.
    assert.equal(await run('own-users', 'id -u; touch /data/file; stat -c %u /data/file /bin/sh /etc/hosts'), '0\n0\n0\n0');
    assert.equal(await hostUid(await pidOf('own-users')), outside);
    // What it writes into a volume is root's on the node as well: the mount maps it back.
    const volume = path.join(k8s.node.root, 'k', 'root', 'pods', k8s.pod('own-users')?.metadata.uid ?? '', 'volumes', 'kubernetes.io~empty-dir', 'data', 'file');
    assert.equal((await stat(volume)).uid, 0);
  });

  it('lets a privileged container do what the node may', async () => {
    assert.equal(await run('mighty', capabilities('CapEff')), (await statusField(k8s.node.podwright.pid, 'CapEff')));
    assert.equal(await run('mighty', 'mount -t tmpfs none /data && grep " /data tmpfs " /proc/mounts | cut -d" " -f1'), 'none');
    const devices = (await run('mighty', 'ls /dev')).split('\n');
    const ofTheNode = (await readdir('/dev')).filter((name) => /^(loop|vd|sd|nvme|kmsg|fuse)/.test(name));
    assert.deepEqual(ofTheNode.filter((name) => !devices.includes(name)), []);
  });

  it('keeps what belongs to the node from a container that is not privileged', async () => {
    assert.match(await fail('usual', 'mount -t tmpfs none /data'), /permission denied|Operation not permitted/i);
    assert.match(await fail('usual', 'echo 1 > /proc/sys/vm/overcommit_memory'), /Read-only file system/);
    assert.match(await fail('usual', 'cd /sys/fs/cgroup; [ -e cgroup.controllers ] || cd memory; mkdir mine'), /Read-only file system/);
    assert.equal(await run('usual', 'ls /dev | grep -E "^(loop|vd|sd|nvme|kmsg|mem)" | wc -l'), '0');
    assert.equal(await run('usual', 'wc -c < /proc/keys; ls /sys/firmware | wc -l'), '0\n0');
  });

  it('sets kernel parameters of the Pod alone', async () => {
    const read = 'cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced';
    assert.equal(await run('tuned', read), '40000\t41000\n1');
    assert.equal(await run('usual', read), '32768\t60999\n0');
  });

  /** The process of a Pod's main container, as the node numbers it. */
  async function pidOf(pod: string): Promise<number> {
    const { info } = JSON.parse(await k8s.node.crictl('inspect', idOf(await k8s.untilReady(pod), 'main'))) as { info: { pid: number } };
    return info.pid;
  }

  const hostUid = async (pid: number): Promise<number> => Number((await statusField(pid, 'Uid')).split('\t')[0]);
});

/** A field of a process's status, as the kernel tells it. */
async function statusField(pid: number | undefined, field: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
}
