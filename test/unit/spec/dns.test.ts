import assert from 'node:assert/strict';

import { hostsText, resolvConfText } from '../../../src/spec/dns.ts';
import { invalid } from './fixtures.ts';

describe('resolv.conf', () => {
  it('has searches, servers and options', () => {
    const dns = { servers: ['10.0.0.10', 'fd00::a'], searches: ['shop.svc', 'svc'], options: ['ndots:5', 'edns0'] };
    assert.equal(
      resolvConfText(dns),
      'search shop.svc svc\nnameserver 10.0.0.10\nnameserver fd00::a\noptions ndots:5 edns0\n',
    );
  });

  it('is empty for an empty config', () => {
    assert.equal(resolvConfText({ servers: [], searches: [], options: [] }), '');
  });

  it('takes no value that would break its line', () => {
    const dns = { servers: ['10.0.0.1\noptions x'], searches: [], options: [] };
    assert.throws(() => resolvConfText(dns), invalid('dns_config.servers'));
    assert.throws(() => resolvConfText({ servers: [], searches: [''], options: [] }), invalid('dns_config.searches'));
    assert.throws(() => resolvConfText({ servers: [], searches: [], options: ['ndots:\0'] }), invalid('dns_config.options'));
  });
});

describe('the hosts file', () => {
  it('knows localhost in both families', () => {
    assert.match(hostsText(), /^127\.0\.0\.1\tlocalhost\n::1\tlocalhost /u);
  });
});
