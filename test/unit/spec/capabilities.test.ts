import assert from 'node:assert/strict';

import { buildCapabilities, defaultCapabilities, grantableCapabilities } from '../../../src/spec/capabilities.ts';
import { host, invalid } from './fixtures.ts';

const all = grantableCapabilities(host);
const asked = (add: string[], drop: string[] = [], ambient: string[] = []) => ({
  addCapabilities: add,
  dropCapabilities: drop,
  addAmbientCapabilities: ambient,
});
const granted = (add: string[], drop: string[] = []): readonly string[] =>
  buildCapabilities(asked(add, drop), false, all).bounding;

describe('a container’s capabilities', () => {
  it('are the fourteen defaults when nothing is asked', () => {
    assert.equal(defaultCapabilities.length, 14);
    assert.deepEqual(buildCapabilities(null, false, all), {
      bounding: defaultCapabilities,
      effective: defaultCapabilities,
      permitted: defaultCapabilities,
    });
  });

  const table: { name: string; add: string[]; drop?: string[]; expected: string[] }[] = [
    { name: 'have an added one', add: ['NET_ADMIN'], drop: ['ALL'], expected: ['CAP_NET_ADMIN'] },
    { name: 'take a name in any spelling', add: ['net_admin', 'CAP_SYS_TIME', 'cap_bpf'], drop: ['all'], expected: ['CAP_NET_ADMIN', 'CAP_SYS_TIME', 'CAP_BPF'] },
    { name: 'lack a dropped one', add: [], drop: ['NET_RAW'], expected: defaultCapabilities.filter((name) => name !== 'CAP_NET_RAW') },
    { name: 'are all but the dropped after ALL is added', add: ['ALL'], drop: ['CHOWN'], expected: all.filter((name) => name !== 'CAP_CHOWN') },
    { name: 'are none after ALL is dropped', add: [], drop: ['ALL'], expected: [] },
    { name: 'are only the named ones when ALL is both added and dropped', add: ['ALL', 'KILL'], drop: ['ALL'], expected: ['CAP_KILL'] },
    { name: 'lack what is both added and dropped by name', add: ['SYS_ADMIN'], drop: ['ALL', 'SYS_ADMIN'], expected: [] },
  ];
  for (const { name, add, drop = [], expected } of table) {
    it(name, () => {
      assert.deepEqual(granted(add, drop), expected);
    });
  }

  it('put an ambient one into every set, or a change of user would lose it', () => {
    assert.deepEqual(buildCapabilities(asked([], ['ALL'], ['NET_BIND_SERVICE']), false, all), {
      bounding: ['CAP_NET_BIND_SERVICE'],
      effective: ['CAP_NET_BIND_SERVICE'],
      permitted: ['CAP_NET_BIND_SERVICE'],
      inheritable: ['CAP_NET_BIND_SERVICE'],
      ambient: ['CAP_NET_BIND_SERVICE'],
    });
  });

  it('are everything for the privileged, whatever is dropped', () => {
    assert.deepEqual(buildCapabilities(asked([], ['ALL']), true, all).effective, all);
  });

  it('of the privileged are ambient where that is asked, or another user than root would have none', () => {
    const { effective, ambient, inheritable } = buildCapabilities(asked([], [], ['NET_ADMIN']), true, all);
    assert.deepEqual([effective, ambient, inheritable], [all, ['CAP_NET_ADMIN'], ['CAP_NET_ADMIN']]);
  });

  it('stop at what the kernel knows and the daemon has', () => {
    assert.equal(grantableCapabilities({ lastCap: 37 }).at(-1), 'CAP_AUDIT_READ');
    assert.deepEqual(grantableCapabilities({ lastCap: 40, ownCaps: 0b101n }), ['CAP_CHOWN', 'CAP_DAC_READ_SEARCH']);
  });

  it('refuse a name that no kernel knows', () => {
    assert.throws(() => granted(['FLY']), invalid('add_capabilities', '"FLY"'));
    assert.throws(() => granted([], ['CAP_']), invalid('drop_capabilities', '"CAP_"'));
  });
});
