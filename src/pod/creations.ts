import { isDeepStrictEqual } from 'node:util';
import { CodedError } from '../lib/errors.ts';
import { untilAborted } from '../lib/abort.ts';

interface Creation {
  readonly id: string;
  readonly request: unknown;
  readonly outcome: Promise<string>;
}

/**
 * Who holds which name. A name is taken by a creation under way or by what came out of one, and is free
 * again when the creation fails or its outcome is removed: no path leaves it behind.
 *
 * A creation does not end with the RPC that asked for it. The kubelet gives up after its deadline and asks
 * again with the same name, and a runtime that then answers "name is reserved" never lets that Pod start
 * (containerd#4604). Here the retry finds its own earlier creation: it waits for it, or gets the id of the
 * one whose caller had gone.
 */
export class Creations {
  readonly #noun: string;
  readonly #pending = new Map<string, Creation>();
  readonly #held = new Map<string, string>();
  /** Names whose creation ended after its caller had gone, with the request it answered. */
  readonly #unclaimed = new Map<string, unknown>();

  constructor(noun: string) {
    this.#noun = noun;
  }

  /**
   * Runs `create` under `name` unless the same request, which is a deeply equal one, is already being or has been
   * carried out for a caller that left. Returns the id. Rejects with ALREADY_EXISTS when another request holds the
   * name, and with the signal's error when the caller leaves, in which case the creation goes on.
   */
  async run(
    name: string,
    request: unknown,
    id: string,
    signal: AbortSignal | undefined,
    create: (id: string) => Promise<void>,
  ): Promise<string> {
    const pending = this.#pending.get(name);
    if (pending !== undefined) {
      if (!isDeepStrictEqual(pending.request, request)) throw this.#taken(name, pending.id);
      return await this.#await(name, pending, signal);
    }
    const holder = this.#held.get(name);
    if (holder !== undefined) {
      if (!this.#unclaimed.has(name) || !isDeepStrictEqual(this.#unclaimed.get(name), request)) throw this.#taken(name, holder);
      this.#unclaimed.delete(name);
      return holder;
    }
    const outcome = create(id).then(
      () => {
        this.#pending.delete(name);
        this.#held.set(name, id);
        return id;
      },
      (error: unknown) => {
        this.#pending.delete(name);
        throw error;
      },
    );
    const creation = { id, request, outcome };
    this.#pending.set(name, creation);
    return await this.#await(name, creation, signal);
  }

  /** Takes a name for something that exists already, at recovery or for what a failed undo left. */
  hold(name: string, id: string): void {
    this.#held.set(name, id);
  }

  /** Frees a name if `id` is what holds it. */
  release(name: string, id: string): void {
    if (this.#held.get(name) !== id) return;
    this.#held.delete(name);
    this.#unclaimed.delete(name);
  }

  /** The ids of the creations under way. */
  pendingIds(): string[] {
    return [...this.#pending.values()].map((creation) => creation.id);
  }

  /** Resolves when no creation is under way any more, however each ended. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].map((creation) => creation.outcome));
  }

  async #await(name: string, creation: Creation, signal: AbortSignal | undefined): Promise<string> {
    try {
      const id = await untilAborted(creation.outcome, signal, `create ${this.#noun} "${name}"`);
      this.#unclaimed.delete(name);
      return id;
    } catch (error) {
      if (this.#pending.get(name) === creation) {
        creation.outcome.then(
          () => this.#unclaimed.set(name, creation.request),
          () => {},
        );
      }
      throw error;
    }
  }

  #taken(name: string, id: string): CodedError {
    return new CodedError('alreadyExists', `${this.#noun} name "${name}" is taken by ${id}; remove that one first`);
  }
}
