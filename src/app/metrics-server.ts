import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError, messageOf } from '../lib/errors.ts';

/** Prometheus' own default, and where containerd has its metrics. */
const paths: ReadonlySet<string> = new Set(['/metrics', '/v1/metrics']);
/** More scrapers than a node has, and few enough that nobody can hold many files open. */
const mostConnections = 32;
/** How long a request may take to arrive, ms. */
const requestMs = 10_000;

/** The metrics endpoint, listening. */
export interface MetricsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Serves one text over HTTP. `address` is `IP:PORT` or `[IPv6]:PORT`. Rejects with UNAVAILABLE where nobody can
 * listen there.
 */
export async function serveMetrics(address: string, page: { readonly type: string; readonly text: () => string }): Promise<MetricsServer> {
  const server = http.createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (!paths.has(path)) answer(response, 404, 'metrics are at /metrics\n');
    else if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'ask with GET\n', { Allow: 'GET, HEAD' });
    else answer(response, 200, page.text(), { 'Content-Type': page.type });
  });
  server.maxConnections = mostConnections;
  server.requestTimeout = requestMs;
  server.headersTimeout = requestMs;
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new CodedError('unavailable', `serve metrics at ${address}: ${messageOf(error)}`, { cause: error })));
    server.listen({ host, port: Number(address.slice(colon + 1)) }, resolve);
  });
  // Nothing of it may keep podwright alive, or end it.
  server.on('error', () => {});
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: http.ServerResponse, status: number, text: string, headers: http.OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
  response.end(text);
}
