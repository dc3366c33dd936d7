import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { silentLog } from '../../../src/lib/log.ts';
import { Certificate } from '../../../src/streaming/certificate.ts';
import { channelEndpoint } from '../../../src/streaming/channels.ts';
import { Pacer } from '../../../src/streaming/pacer.ts';
import { StreamingServer } from '../../../src/streaming/server.ts';
import { SpdyClient } from '../../support/spdy-client.ts';

describe('the streaming server with TLS', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'podwright-tls-'));
  const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  const wanted = { tty: false, stdin: false, stdout: true, stderr: false };
  let server: StreamingServer;

  before(async () => {
    renew('first');
    server = new StreamingServer({ address: '127.0.0.1', port: 0, certificate: await Certificate.load(files, silentLog) }, silentLog);
    await server.start();
  });

  after(async () => {
    await server.stop(0);
    rmSync(folder, { recursive: true });
  });

  function renew(name: string): void {
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
    execFileSync('openssl', [...args, '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
  }

  /** Runs a stream over TLS and gives the name in the certificate that it was served with. */
  async function served(): Promise<string> {
    const stopping = new AbortController().signal;
    const tools = { log: silentLog, idleTimeoutMs: 60_000, creationTimeoutMs: 60_000, counters: { badInput: 0 }, stopping, pacer: new Pacer() };
    const url = await server.url(
      'exec',
      channelEndpoint(tools, wanted, async (session) => {
        session.stdout?.write('over TLS');
        await session.finish({ exitCode: 0 });
      }),
    );
    assert.match(url, /^https:/);
    const client = await SpdyClient.connect(url);
    const { stdout } = await client.openAll('error', 'stdout');
    assert.equal(await stdout.whole(), 'over TLS');
    const name = (client.socket as TLSSocket).getPeerCertificate().subject.CN;
    client.destroy();
    return String(name);
  }

  it('serves streams, and takes a renewed certificate without a restart', async () => {
    assert.equal(await served(), 'first');
    renew('second');
    assert.equal(await served(), 'second');
  });

  it('keeps the old certificate while the files are no pair', async () => {
    const before = await served();
    writeFileSync(files.cert, 'half written');
    assert.equal(await served(), before);
  });

  it('does not begin with files that are no pair', async () => {
    writeFileSync(files.cert, 'no certificate');
    await assert.rejects(Certificate.load(files, silentLog), /load the certificate/);
  });
});
