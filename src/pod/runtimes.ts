import { CodedError } from '../lib/errors.ts';
import type { BaseSpec } from '../spec/base-spec.ts';
import type { Any } from './ports.ts';

/**
 * What a handler's OCI runtime, its snapshotter and the kernel can do together. The first two are the CRI's
 * RuntimeHandlerFeatures. The others are parts of a spec that an older runtime passes over without a word.
 */
export interface RuntimeFeatures {
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
  /** Bind mounts that show other owners (config.md "Mounts", uidMappings). */
  readonly idMappedMounts: boolean;
  /** config-linux.md "Network Devices". */
  readonly netDevices: boolean;
  /** config-linux.md "IntelRdt": its schemata and enableMonitoring. */
  readonly rdtSchemata: boolean;
  readonly rdtMonitoring: boolean;
}

/** One runtime handler: which shim runs its containers, and how. */
export interface Runtime {
  readonly name: string;
  /** containerd's runtime name, `io.containerd.runc.v2`. */
  readonly type: string;
  readonly options: Any | undefined;
  /**
   * Whether its pause container is what the others run in: a virtual machine, or a kernel of its own. Then nothing can
   * start before it, and nothing outlives it. With runc it is one more member of the Pod's namespaces.
   */
  readonly pauseIsPod: boolean;
  readonly systemdCgroup: boolean;
  readonly snapshotter: string;
  readonly features: RuntimeFeatures;
  /** Where the network configuration of its Pods is; empty for the node's own. */
  readonly cniConfDir: string;
  /** Laid under the OCI spec of its containers, the pause container included. */
  readonly baseSpec: BaseSpec | undefined;
  readonly privilegedWithoutHostDevices: boolean;
  /** Globs of the Pod's and the container's annotations that the OCI spec gets too. */
  readonly podAnnotations: readonly string[];
  readonly containerAnnotations: readonly string[];
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

  /**
   * The handler of a sandbox that exists. One that has gone from the configuration since must not keep its Pods from
   * being stopped and removed, and nearly everything about that is the same for every handler: the default one serves.
   */
  of(handler: string): Runtime {
    return this.#byName.get(handler) ?? this.get('');
  }

  values(): Runtime[] {
    return [...this.#byName.values()];
  }
}
