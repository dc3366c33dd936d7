import assert from 'node:assert/strict';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { silentLog } from '../../../src/lib/log.ts';
import type { ContainerdEvent } from '../../../src/containerd/event.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { StubContainerd } from './stub-containerd.ts';

interface SubscribeRequest {
  readonly filters: string[];
}
interface PublishRequest {
  readonly topic: string;
}
type Subscriber = ServerWritableStream<SubscribeRequest, object>;

const exit = (id: string) => ({
  topic: '/tasks/exit',
  namespace: 'stub',
  event: { type_url: 'containerd.events.TaskExit', value: Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]) },
});

describe('an event subscription', () => {
  let stub: StubContainerd;
  let stop: AbortController;
  let subscribers: Subscriber[];
  let published: string[];
  let subscribed: ReturnType<typeof deferred<Subscriber>>;
  /** How many of the first publications reach nobody, as when containerd is slow to subscribe. */
  let deaf: number;
  let running: Promise<void>[];

  const services = {
    events: {
      Subscribe(call: Subscriber): void {
        subscribers.push(call);
        subscribed.resolve(call);
      },
      Publish(call: ServerUnaryCall<PublishRequest, object>, answer: sendUnaryData<object>): void {
        published.push(call.request.topic);
        if (published.length > deaf) {
          for (const subscriber of subscribers) subscriber.write({ topic: call.request.topic, namespace: 'stub' });
        }
        answer(null, {});
      },
    },
  };

  beforeEach(async () => {
    stub = new StubContainerd();
    stop = new AbortController();
    subscribers = [];
    published = [];
    deaf = 0;
    running = [];
    subscribed = deferred<Subscriber>();
    await stub.serve(services);
  });
  afterEach(async () => {
    stop.abort();
    await Promise.all(running);
    stub.close();
  });

  function open(parts: { onGap?: () => Promise<void>; onEvent?: (event: ContainerdEvent) => void; filters?: string[]; log?: typeof silentLog }) {
    const { onGap = async () => {}, onEvent = () => {}, filters = [], log = silentLog } = parts;
    running.push(stub.client(log).events.openEvents({ filters, onGap, onEvent, signal: stop.signal }));
  }

  it('asks for a resynchronisation only when events have been seen to flow', async () => {
    deaf = 2;
    const gap = deferred();
    open({ onGap: async () => gap.resolve() });
    await gap.promise;
    assert.ok(published.length >= 3, `published ${published.length} times`);
    assert.equal(new Set(published).size, 1);
  });

  it('asks only for events of its own namespace', async () => {
    const gap = deferred();
    open({ filters: ['topic=="/tasks/exit"', 'topic=="/tasks/oom"'], onGap: async () => gap.resolve() });
    await gap.promise;
    assert.deepEqual((await subscribed.promise).request.filters, [
      'namespace=="stub",topic=="/tasks/exit"',
      'namespace=="stub",topic=="/tasks/oom"',
      `topic=="${published[0]}"`,
    ]);
  });

  it('asks for all of its namespace’s events when it is given no filter', async () => {
    const gap = deferred();
    open({ onGap: async () => gap.resolve() });
    await gap.promise;
    assert.equal((await subscribed.promise).request.filters[0], 'namespace=="stub"');
  });

  it('tells events in order, also while the resynchronisation runs, and nothing of its own', async () => {
    const told: string[] = [];
    const third = deferred();
    const resynchronised = deferred();
    open({
      onGap: () => resynchronised.promise,
      onEvent: (event) => {
        told.push(event.type === 'taskExit' ? event.containerId : event.type);
        if (told.length === 3) third.resolve();
      },
    });
    const subscriber = await subscribed.promise;
    for (const id of ['a', 'b', 'c']) subscriber.write(exit(id));
    await third.promise;
    assert.deepEqual(told, ['a', 'b', 'c']);
    resynchronised.resolve();
  });

  it('is made again, with a resynchronisation, when containerd went away', async () => {
    const gaps = [deferred(), deferred()];
    let made = 0;
    open({ onGap: async () => gaps[made++]?.resolve() });
    await gaps[0]?.promise;
    stub.kill();
    subscribers = [];
    await stub.serve(services);
    await gaps[1]?.promise;
    assert.equal(new Set(published).size, 2);
  });

  it('is made again when containerd ends the stream in order', async () => {
    const gaps = [deferred(), deferred()];
    let made = 0;
    open({ onGap: async () => gaps[made++]?.resolve() });
    await gaps[0]?.promise;
    subscribers.pop()?.end();
    await gaps[1]?.promise;
  });

  it('is made again when the resynchronisation fails', async () => {
    const second = deferred();
    let made = 0;
    open({
      onGap: async () => {
        if (++made === 1) throw new Error('not now');
        second.resolve();
      },
    });
    await second.promise;
    assert.equal(made, 2);
  });

  it('goes on after an event that cannot be read, and logs it', async () => {
    const next = deferred<ContainerdEvent>();
    const logged: string[] = [];
    const log = { ...silentLog, error: (fields: object, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`) };
    open({ log, onEvent: (event) => next.resolve(event) });
    const subscriber = await subscribed.promise;
    subscriber.write({ topic: '/tasks/exit', namespace: 'stub', event: { type_url: 'x.Y', value: Buffer.alloc(0) } });
    subscriber.write(exit('a'));
    assert.equal((await next.promise).type, 'taskExit');
    assert.match(logged.join('\n'), /could not take an event .*x\.Y/);
  });

  it('ends when its signal aborts, and on the server too', async () => {
    const gap = deferred();
    open({ onGap: async () => gap.resolve() });
    await gap.promise;
    const ended = deferred();
    (await subscribed.promise).on('cancelled', () => ended.resolve());
    stop.abort();
    await Promise.all([...running, ended.promise]);
  });
});
