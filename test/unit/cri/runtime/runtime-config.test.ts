import assert from 'node:assert/strict';
import { runtimeConfig } from '../../../../src/cri/runtime/runtime-config.ts';
import { updateRuntimeConfig } from '../../../../src/cri/runtime/update-runtime-config.ts';
import type { CallContext } from '../../../../src/cri/handlers.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { Runtimes } from '../../../../src/pod/runtimes.ts';
import { plainRuntime } from '../../../support/pod-world.ts';

const context: CallContext = { signal: new AbortController().signal, log: silentLog };

describe('RuntimeConfig', () => {
  for (const [systemdCgroup, driver] of [
    [true, 'SYSTEMD'],
    [false, 'CGROUPFS'],
  ] as const) {
    it(`says ${driver} where SystemdCgroup is ${systemdCgroup}`, async () => {
      const runc = { ...plainRuntime, systemdCgroup };
      const answer = await runtimeConfig(new Runtimes([runc], 'runc'))({}, context);
      assert.deepEqual(answer, { linux: { cgroupDriver: driver } });
    });
  }
});

describe('UpdateRuntimeConfig', () => {
  it('hands on the Pod CIDR, and minds neither an empty nor a missing one', async () => {
    const told: string[] = [];
    const update = updateRuntimeConfig({ network: { podCidr: async (text) => void told.push(text) } });
    for (const runtimeConfig of [null, { networkConfig: null }, { networkConfig: { podCidr: '' } }, { networkConfig: { podCidr: '10.1.0.0/16' } }]) {
      assert.deepEqual(await update({ runtimeConfig }, context), {});
    }
    assert.deepEqual(told, ['10.1.0.0/16']);
  });
});
