import { CodedError } from '../lib/errors.ts';
import type { Any } from './ports.ts';

/** One runtime handler: which shim runs its containers, and how. */
export interface Runtime {
  readonly name: string;
  /** containerd's runtime name, `io.containerd.runc.v2`. */
  readonly type: string;
  readonly options: Any | undefined;
  readonly systemdCgroup: boolean;
  readonly snapshotter: string;
}

/** The configured handlers. The empty name means the default one (CRI RunPodSandboxRequest.runtime_handler). */
export class Runtimes {
  readonly #byName: ReadonlyMap<string, Runtime>;
  readonly defaultName: string;

  constructor(runtimes: readonly Runtime[], defaultName: string) {
    this.#byName = new Map(runtimes.map((runtime) => [runtime.name, runtime]));
    this.defaultName = defaultName;
  }

  /** The handler of this name; INVALID_ARGUMENT naming those there are when it is not configured. */
  get(handler: string): Runtime {
    const found = this.#byName.get(handler === '' ? this.defaultName : handler);
    if (found !== undefined) return found;
    const known = [...this.#byName.keys()].map((name) => `"${name}"`).join(', ');
    throw new CodedError('invalidArgument', `runtime_handler is "${handler}": no such handler; configured are ${known}`);
  }

  values(): Runtime[] {
    return [...this.#byName.values()];
  }
}
