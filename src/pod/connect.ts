import { once } from 'node:events';
import { InPlaceSocket } from '../io/in-place-socket.ts';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';
import { tcpSocketIn } from '../linux/tcp-socket.ts';
import type { Sandbox } from './sandbox.ts';

const addresses = [
  { host: '127.0.0.1', ipVersion: 4 },
  { host: '::1', ipVersion: 6 },
] as const;

/**
 * Connects to a port as a process in the Pod would by `localhost`: on 127.0.0.1, then on ::1. Each end of the
 * connection closes for itself. UNAVAILABLE where nothing listens, FAILED_PRECONDITION for a Pod that is not ready.
 */
export async function connectInPod(sandbox: Sandbox, port: number, signal: AbortSignal): Promise<InPlaceSocket> {
  const what = `connect to port ${port} in pod sandbox "${sandbox.id}"`;
  if (!sandbox.isReady) throw new CodedError('failedPrecondition', `${what}: the sandbox is not ready`);
  const failures: string[] = [];
  for (const { host, ipVersion } of addresses) {
    try {
      return await connectFrom(sandbox.hostNetwork ? undefined : sandbox.record.namespaces.net, host, ipVersion, port, signal);
    } catch (error) {
      if (signal.aborted) throw new CodedError('canceled', `${what}: the client has gone`, { cause: error });
      failures.push(`${host}: ${errnoOf(error) === 'ECONNREFUSED' ? 'connection refused' : messageOf(error)}`);
    }
  }
  throw new CodedError('unavailable', `${what}: ${failures.join(', ')}`);
}

async function connectFrom(
  netnsPath: string | undefined,
  host: string,
  ipVersion: 4 | 6,
  port: number,
  signal: AbortSignal,
): Promise<InPlaceSocket> {
  const socket = new InPlaceSocket({ fd: tcpSocketIn(netnsPath, ipVersion), allowHalfOpen: true });
  try {
    const connected = once(socket, 'connect', { signal });
    socket.connect({ port, host });
    await connected;
    socket.on('error', () => {});
    return socket.setNoDelay();
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
