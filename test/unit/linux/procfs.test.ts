import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hugePageSize, parseBoundingSet } from '../../../src/linux/host-facts.ts';
import { parseNetDev } from '../../../src/linux/net-dev.ts';
import { bootId, parseStartTicks, processArguments, processStartTicks } from '../../../src/linux/procfs.ts';
import { formatIdMap } from '../../../src/linux/user-namespaces.ts';

describe('/proc', () => {
  it('tells when a process started, whatever its name holds', () => {
    const rest = 'S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 348288 1000 200';
    assert.equal(parseStartTicks(`42 (a) b (c) ${rest}`), 348_288n);
    assert.equal(parseStartTicks('garbage'), undefined);
  });

  it('tells a running process from one that is not', async () => {
    assert.ok(((await processStartTicks(process.pid)) ?? 0n) > 0n);
    assert.equal((await processArguments(process.pid))?.[0], process.argv0);
    assert.equal(await processStartTicks(2 ** 22 + 1), undefined);
    assert.match(await bootId(), /^[0-9a-f-]{36}$/);
  });

  it('tells what went through the interfaces', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:      10       1    0    0    0     0          0         0       10       1    0    0    0     0       0          0
  eth0:18446744073709551615 20 3    4    5     6          7         8      100      11   12   13   14    15      16         17
`;
    assert.deepEqual(parseNetDev(text), [
      { name: 'lo', rxBytes: 10n, rxPackets: 1n, rxErrors: 0n, rxDropped: 0n, txBytes: 10n, txPackets: 1n, txErrors: 0n, txDropped: 0n },
      { name: 'eth0', rxBytes: 18_446_744_073_709_551_615n, rxPackets: 20n, rxErrors: 3n, rxDropped: 4n, txBytes: 100n, txPackets: 11n, txErrors: 12n, txDropped: 13n },
    ]);
  });

  it('tells the bounding set, of which no bit may get lost', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (set) => {
        const text = `CapEff:\t0\nCapBnd:\t${set.toString(16).padStart(16, '0')}\nCapAmb:\t1\n`;
        assert.equal(parseBoundingSet(text), set);
      }),
    );
  });
});

describe('huge pages', () => {
  for (const [folder, size] of [
    ['hugepages-2048kB', '2MB'],
    ['hugepages-1048576kB', '1GB'],
    ['hugepages-64kB', '64KB'],
    ['other', undefined],
  ] as const) {
    it(`of ${folder} are called ${size ?? 'nothing'}`, () => assert.equal(hugePageSize(folder), size));
  }
});

describe('id maps', () => {
  it('are written inside first, then outside, then how many', () => {
    assert.equal(formatIdMap([{ containerId: 0, hostId: 65536, size: 10 }, { containerId: 10, hostId: 1, size: 2 }]), '0 65536 10\n10 1 2\n');
  });
});
