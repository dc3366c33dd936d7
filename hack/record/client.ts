import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { converse, Said } from '../../test/support/child-streams.ts';

/**
 * What is said of each recording: its name, and what has to be done for it. A client that it gives is killed, and its end
 * is not recorded: a stream that is reset may lose what came before.
 */
export type Record = (name: string, act: () => Promise<unknown>) => Promise<void>;

/** The transports of which a client speaks one at a time. */
export const transports = ['spdy', 'websocket'] as const;

/** How a client is started: to run `cat` in the container, to join it, and to forward a port of its own choice. */
export interface Client {
  readonly name: string;
  readonly exec: () => ChildProcessWithoutNullStreams;
  readonly attach: () => ChildProcessWithoutNullStreams;
  readonly portForward: () => ChildProcessWithoutNullStreams;
}

/** Records all that a client can do over a transport. */
export async function recordClient(record: Record, client: Client, transport: string): Promise<void> {
  const { name } = client;
  await record(`${name}-exec-${transport}`, () => converse(client.exec(), Buffer.from(`what ${name} sends\n`)));
  await record(`${name}-attach-${transport}`, async () => {
    const child = client.attach();
    child.stdin.write(`what ${name} sends\n`);
    await new Said(child).until(/</);
    return child;
  });
  await record(`${name}-portforward-${transport}`, async () => {
    const child = client.portForward();
    const text = await new Said(child).until(/127\.0\.0\.1:(\d+) ->/);
    const local = /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1];
    const answer = await fetch(`http://127.0.0.1:${local}/what-${name}-sends`, { signal: AbortSignal.timeout(3000) }).catch(() => undefined);
    await answer?.text().catch(() => '');
    child.kill();
    await sleep(500);
  });
}
