import { status, type ServiceError } from '@grpc/grpc-js';
import type { CriNode, RequestOf, ResponseOf, Rpc } from './cri-node.ts';
import { until } from './until.ts';

/** Reads a stream to its end: its messages, and the status it ended with. */
export async function readStream<Name extends Rpc>(
  cri: CriNode,
  rpc: Name,
  request: RequestOf<Name>,
): Promise<{ readonly messages: ResponseOf<Name>[]; readonly code: status }> {
  const messages: ResponseOf<Name>[] = [];
  const stream = cri.client.stream(rpc, request as object);
  stream.on('data', (message: object) => messages.push(message as ResponseOf<Name>));
  return new Promise((resolve) => {
    stream.on('error', (error: ServiceError) => resolve({ messages, code: error.code }));
    stream.on('end', () => resolve({ messages, code: status.OK }));
  });
}

type Event = ResponseOf<'GetContainerEvents'>;

/** A stream of container events that is being read. */
export class EventStream {
  readonly events: Event[] = [];
  /** How it ended, if it did. */
  ended: string | undefined;
  readonly #stream: ReturnType<CriNode['client']['stream']>;

  private constructor(cri: CriNode) {
    this.#stream = cri.client.stream('GetContainerEvents', {});
    this.#stream.on('data', (event: object) => this.events.push(event as Event));
    this.#stream.on('error', (error: ServiceError) => (this.ended ??= error.message));
    this.#stream.on('end', () => (this.ended ??= 'without an error'));
  }

  /** Opens one and waits until podwright listens for it. */
  static async open(cri: CriNode): Promise<EventStream> {
    const events = new EventStream(cri);
    await new Promise((resolve) => events.#stream.once('metadata', resolve));
    return events;
  }

  /** Waits for the event of this type of a sandbox or container. */
  async of(id: string, type: Event['containerEventType']): Promise<Event> {
    const found = (): Event | undefined => this.events.find((event) => event.containerId === id && event.containerEventType === type);
    await until(`there is a ${type} of ${id}`, () => found() !== undefined, 10_000);
    return found() as Event;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    this.#stream.cancel();
  }
}
