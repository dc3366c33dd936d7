import assert from 'node:assert/strict';
import { serveMetrics, type MetricsServer } from '../../../src/app/metrics-server.ts';

describe('the metrics endpoint', () => {
  let server: MetricsServer;
  let asked = 0;
  before(async () => (server = await serveMetrics('127.0.0.1:0', { type: 'text/plain; x=y', text: () => `looks ${(asked += 1)}\n` })));
  after(() => server.stop());

  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [response.status, response.headers.get('content-type'), await response.text()];
  };

  it('answers where Prometheus looks and where containerd has it', async () => {
    assert.deepEqual(await ask('/metrics'), [200, 'text/plain; x=y', 'looks 1\n']);
    assert.deepEqual(await ask('/v1/metrics?x=1'), [200, 'text/plain; x=y', 'looks 2\n']);
  });

  it('has nothing else, and takes nothing', async () => {
    assert.equal((await ask('/'))[0], 404);
    assert.equal((await ask('/metrics', 'POST'))[0], 405);
  });

  it('says that somebody else is there', async () => {
    const address = `127.0.0.1:${server.port}`;
    await assert.rejects(serveMetrics(address, { type: '', text: () => '' }), { kind: 'unavailable', message: new RegExp(`${address}: .*EADDRINUSE`) });
  });

  it('is on IPv6 too', async () => {
    const six = await serveMetrics('[::1]:0', { type: 'text/plain', text: () => 'six' });
    assert.equal(await (await fetch(`http://[::1]:${six.port}/metrics`)).text(), 'six');
    await six.stop();
  });
});
