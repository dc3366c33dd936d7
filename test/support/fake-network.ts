import type { SandboxNetworkRequest } from '../../src/cni/attachment.ts';
import type { NetworkStatus } from '../../src/cni/monitor.ts';
import type { DelRequest } from '../../src/cni/network.ts';
import { throwIfAborted, untilAborted } from '../../src/lib/abort.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { CodedError } from '../../src/lib/errors.ts';
import { KeyedLock } from '../../src/lib/keyed-lock.ts';

type Verb = 'add' | 'del';

/**
 * A network without plugins: hands out addresses, takes them back, and fails or hangs when told to. It passes the
 * contract in `test/contract/network.ts`, as CniNetwork does.
 */
export class FakeNetwork {
  /** What was asked, in order: `add a`, `del a`. */
  readonly calls: string[] = [];
  /** The sandboxes on the network, with the request that put them there. */
  readonly attached = new Map<string, SandboxNetworkRequest>();
  /** What `status` answers. */
  ready: NetworkStatus = { ready: true, reason: '', message: '' };
  readonly #addresses = new Map<string, number>();
  readonly #failures: Record<Verb, Error[]> = { add: [], del: [] };
  readonly #holds: Record<Verb, Promise<void>> = { add: Promise.resolve(), del: Promise.resolve() };
  readonly #sandboxes = new KeyedLock();
  readonly #isNetns: (path: string) => boolean;

  /** `isNetns` says which paths have a namespace; every path but the empty one when it is left out. */
  constructor(isNetns: (path: string) => boolean = (path) => path !== '') {
    this.#isNetns = isNetns;
  }

  /** Makes the next call of `verb` fail; several are used up one by one. */
  failNext(verb: Verb, error: Error = new CodedError('internal', `cni plugin "fake" ${verb.toUpperCase()}: told to fail`)): void {
    this.#failures[verb].push(error);
  }

  /** Makes calls of `verb` hang until the function it returns is called, or their signal aborts. */
  hold(verb: Verb): () => void {
    const held = deferred();
    this.#holds[verb] = held.promise;
    return () => held.resolve();
  }

  async add(request: SandboxNetworkRequest, signal?: AbortSignal): Promise<{ readonly ip: string; readonly additionalIps: readonly string[] }> {
    return this.#sandboxes.run(request.id, async () => {
      await this.#begin('add', request.id, signal);
      if (!this.#isNetns(request.netnsPath)) {
        throw new CodedError('internal', `cni plugin "fake" ADD for "${request.id}": no network namespace at ${request.netnsPath}`);
      }
      if (this.attached.has(request.id)) throw new CodedError('internal', `cni plugin "fake" ADD for "${request.id}": it is attached`);
      const host = this.#takeAddress(request.id);
      this.attached.set(request.id, request);
      return { ip: `10.88.0.${host}`, additionalIps: [`fd88::${host.toString(16)}`] };
    });
  }

  async del(request: DelRequest, signal?: AbortSignal): Promise<void> {
    await this.#sandboxes.run(request.id, async () => {
      await this.#begin('del', request.id, signal);
      this.attached.delete(request.id);
      this.#addresses.delete(request.id);
    });
  }

  status(): NetworkStatus {
    return this.ready;
  }

  async #begin(verb: Verb, id: string, signal: AbortSignal | undefined): Promise<void> {
    const what = `cni plugin "fake" ${verb.toUpperCase()} for "${id}"`;
    throwIfAborted(signal, what);
    this.calls.push(`${verb} ${id}`);
    await untilAborted(this.#holds[verb], signal, what);
    const failure = this.#failures[verb].shift();
    if (failure !== undefined) throw failure;
  }

  #takeAddress(id: string): number {
    const taken = new Set(this.#addresses.values());
    for (let host = 2; host < 255; host++) {
      if (taken.has(host)) continue;
      this.#addresses.set(id, host);
      return host;
    }
    throw new CodedError('internal', `cni plugin "fake" ADD for "${id}": no addresses left`);
  }
}
