import { CodedError } from '../lib/errors.ts';

/** Things known by id, in the order they came; found by whole id or by a prefix that fits only one. */
export class IdStore<T extends { readonly id: string }> {
  readonly #items = new Map<string, T>();
  readonly #noun: string;
  #removals = 0;

  /** @param noun what one item is called in messages, "pod sandbox" or "container" */
  constructor(noun: string) {
    this.#noun = noun;
  }

  add(item: T): void {
    this.#items.set(item.id, item);
  }

  delete(id: string): void {
    if (this.#items.delete(id)) this.#removals++;
  }

  /** How many have been deleted so far. */
  get removals(): number {
    return this.#removals;
  }

  /** Whether exactly this id is there. */
  has(id: string): boolean {
    return this.#items.has(id);
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  get size(): number {
    return this.#items.size;
  }

  /**
   * The item with this id or with the only id that starts so; undefined when there is none.
   * The empty string finds nothing: the kubelet asks with it to learn whether an RPC is there at all.
   * Throws INVALID_ARGUMENT when a prefix fits several, and lists them.
   */
  find(idOrPrefix: string): T | undefined {
    const exact = this.#items.get(idOrPrefix);
    if (exact !== undefined || idOrPrefix === '') return exact;
    const fitting: T[] = [];
    for (const item of this.#items.values()) if (item.id.startsWith(idOrPrefix)) fitting.push(item);
    if (fitting.length > 1) {
      const ids = fitting.map((item) => item.id).join(', ');
      throw new CodedError('invalidArgument', `${this.#noun} id "${idOrPrefix}" is ambiguous, it fits ${ids}`);
    }
    return fitting[0];
  }

  /** As `find`, but throws NOT_FOUND where `find` answers undefined. */
  get(idOrPrefix: string): T {
    const found = this.find(idOrPrefix);
    if (found === undefined) throw new CodedError('notFound', `${this.#noun} "${idOrPrefix}" does not exist`);
    return found;
  }
}
