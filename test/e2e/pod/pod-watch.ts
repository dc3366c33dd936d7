import type { ControlPlane } from '../../support/cluster/control-plane.ts';
import type { Pod } from '../../support/node/kubelet.ts';

/** What the API server tells of one Pod. */
interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Pod;
}

/** Every state of the Pods of a namespace, as the API server tells them: asking it again and again would cost more and miss some. */
export class PodWatch {
  readonly #states = new Map<string, Pod[]>();
  readonly #present = new Map<string, Pod>();
  readonly #waiting = new Set<() => void>();
  readonly #close: () => void;
  #failure: Error | undefined;

  constructor(controlPlane: ControlPlane, namespace: string) {
    this.#close = controlPlane.watch(`/api/v1/namespaces/${namespace}/pods?watch=true`, {
      line: (text) => this.#hear(JSON.parse(text) as PodEvent),
      end: (error) => {
        this.#failure = error;
        this.#wake();
      },
    });
  }

  /** The Pod as it was told last; undefined where there is none, or none any more. */
  latest(name: string): Pod | undefined {
    return this.#present.get(name);
  }

  /** All states of the Pods that had this name, the oldest first. */
  history(name: string): readonly Pod[] {
    return this.#states.get(name) ?? [];
  }

  /** The Pods there are. */
  all(): Pod[] {
    return [...this.#present.values()];
  }

  /** Resolves with the first answer of `look` that is neither undefined nor false; it is asked whenever a Pod changes. */
  until<T>(look: () => T | undefined | false, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.#waiting.delete(again);
        clearTimeout(timer);
        act();
      };
      const again = (): void => {
        try {
          const answer = look();
          if (answer !== undefined && answer !== false) settle(() => resolve(answer));
          else if (this.#failure !== undefined) throw this.#failure;
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`not within ${timeoutMs} ms`))), timeoutMs);
      this.#waiting.add(again);
      again();
    });
  }

  close(): void {
    this.#close();
  }

  #hear({ type, object }: PodEvent): void {
    const { name } = object.metadata;
    if (type === 'DELETED') this.#present.delete(name);
    else this.#present.set(name, object);
    this.#states.set(name, [...(this.#states.get(name) ?? []), object]);
    this.#wake();
  }

  #wake(): void {
    for (const again of this.#waiting) again();
  }
}
