import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LinuxContainerSecurityContext } from '../../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { run } from '../../support/node/run.ts';

const hasApparmor = existsSync('/sys/kernel/security/apparmor/profiles') && existsSync('/sbin/apparmor_parser');
const byDefault = 'podwright-default (enforce)';
const own = `pw-test-${process.pid}`;

// Not a test that skips itself: where AppArmor is off there is nothing to be tested, and `make test` forbids those.
if (hasApparmor) {
  describe('the AppArmor profile of a container', function () {
    this.timeout(60_000);
    const cri = useCriNode();
    let pod: Pod;

    before(async () => {
      const file = path.join(cri().node.root, 'own.profile');
      await writeFile(file, `profile ${own} flags=(attach_disconnected) {\n  file,\n  capability,\n  network,\n  signal,\n  ptrace,\n}\n`);
      await run('apparmor_parser', ['--replace', '--skip-cache', file]);
    });
    beforeEach(async () => {
      pod = await cri().runPod({ linux: { securityContext: { privileged: true } } });
    });
    after(() => remove(own));

    const confined = (securityContext: LinuxContainerSecurityContext) => ({ linux: { securityContext } });
    const labelOf = async (pid: number | string): Promise<string> => (await readFile(`/proc/${pid}/attr/current`, 'utf8')).trim();
    const isLoaded = async (name: string): Promise<boolean> => (await readFile('/sys/kernel/security/apparmor/profiles', 'utf8')).includes(`${name} (`);

    async function remove(name: string): Promise<void> {
      await writeFile('/sys/kernel/security/apparmor/.remove', name).catch(() => {});
    }

    const table: { name: string; context: LinuxContainerSecurityContext; expected: string }[] = [
      { name: 'is the default where nothing is said', context: {}, expected: byDefault },
      { name: 'is the default where that is asked for', context: { apparmor: { profileType: 'RuntimeDefault' } }, expected: byDefault },
      { name: 'is the one that is named', context: { apparmor: { profileType: 'Localhost', localhostRef: own } }, expected: `${own} (enforce)` },
      { name: 'is none where that is asked for', context: { apparmor: { profileType: 'Unconfined' } }, expected: 'unconfined' },
      { name: 'is none for the privileged', context: { privileged: true }, expected: 'unconfined' },
    ];
    for (const { name, context, expected } of table) {
      it(`${name}, and of what is executed in it`, async () => {
        const container = await pod.run(confined(context));
        assert.equal(await labelOf(await container.pid()), expected);
        assert.equal(await container.sh('cat /proc/self/attr/current'), expected);
      });
    }

    it('keeps the default from mounts and from settings of the node', async () => {
      // With nothing masked and nothing read-only it is the profile alone that refuses.
      const bare = { capabilities: { addCapabilities: ['SYS_ADMIN'] }, maskedPaths: [], readonlyPaths: [] };
      const container = await pod.run(confined(bare));
      const unconfined = await pod.run(confined({ ...bare, apparmor: { profileType: 'Unconfined' } }));
      const writeBack = (file: string): string => `value=$(cat ${file}) && echo "$value" > ${file}`;
      for (const script of ['mkdir -p /made && mount -t tmpfs none /made', writeBack('/proc/sys/vm/swappiness'), writeBack('/proc/sys/kernel/sysrq')]) {
        await unconfined.sh(script);
        const { exitCode, stderr } = await container.try(script);
        assert.notEqual(exitCode, 0, script);
        assert.match(stderr, /denied/i);
      }
    });

    it('leaves to the default what a Pod is used to', async () => {
      const container = await pod.run({ command: ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.1; done'] });
      assert.equal(await container.sh('sleep 1000 & kill $!; wait $!; echo $?'), '143');
      assert.equal(await container.sh('readlink /proc/1/cwd'), '/');
      assert.equal(await container.sh('echo 500 > /proc/self/oom_score_adj && cat /proc/self/oom_score_adj'), '500');
      await container.stop(60);
      assert.equal((await container.ended()).exitCode, 7);
    });

    it('is loaded again when it was removed', async () => {
      await remove('podwright-default');
      assert.equal(await isLoaded('podwright-default'), false);
      const container = await pod.run();
      assert.equal(await labelOf(await container.pid()), byDefault);
    });

    it('is loaded at the start of podwright', async () => {
      await remove('podwright-default');
      await cri().restartPodwright();
      await eventually('it is loaded', () => isLoaded('podwright-default'), 30_000);
    });

    it('is refused where it is not loaded', async () => {
      const config = pod.containerConfig(confined({ apparmor: { profileType: 'Localhost', localhostRef: 'not-there' } }));
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config, sandboxConfig: pod.config }, 'INVALID_ARGUMENT', 'apparmor.localhost_ref is "not-there"');
    });
  });
}
