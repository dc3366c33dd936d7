import type { IntrospectionDefinition } from '../types/containerd/containerd/services/introspection/v1/Introspection.ts';
import type { Plugin__Output } from '../types/containerd/containerd/services/introspection/v1/Plugin.ts';
import { CodedError } from '../lib/errors.ts';
import { optionalAny, toWireAny } from './any.ts';
import type { Any } from './any.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { parseJsonAny } from './typeurl.ts';
import type { TypeUrls } from './typeurl.ts';

/** A part of containerd; `exports` has for instance a snapshotter's `root`. */
export interface Plugin {
  readonly type: string;
  readonly id: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
  /** Why it did not start; undefined when it did. */
  readonly initError?: string;
}

/** The running containerd: `uuid` stays over restarts, `pid` does not. */
export interface ServerInfo {
  readonly uuid: string;
  readonly pid: bigint;
}

/** What a runtime's shim says of itself. `features` is the OCI runtime's features document (features.md). */
export interface RuntimeInfo {
  readonly name: string;
  readonly version: string;
  readonly features: unknown;
}

/** What containerd is made of. */
export class Introspection {
  readonly #rpc: Rpc;
  readonly #methods: IntrospectionDefinition;
  readonly #types: TypeUrls;

  constructor(rpc: Rpc, methods: IntrospectionDefinition, types: TypeUrls) {
    this.#rpc = rpc;
    this.#methods = methods;
    this.#types = types;
  }

  /** The plugins that any of the filters matches (`type==io.containerd.snapshotter.v1,id==overlayfs`), or all. */
  async plugins(filters: readonly string[] = [], options?: CallOptions): Promise<Plugin[]> {
    const request = { filters: [...filters] };
    const { plugins } = await this.#rpc.unary(this.#methods.Plugins, request, 'list containerd plugins', options);
    return plugins.map(toPlugin);
  }

  /** One plugin, and what it has to say to `request`, which is of a type of its own. */
  async pluginInfo(
    type: string,
    id: string,
    request?: Any,
    options?: CallOptions,
  ): Promise<{ readonly plugin: Plugin; readonly extra?: Any }> {
    const what = `ask containerd plugin "${type}.${id}"`;
    const answer = await this.#rpc.unary(
      this.#methods.PluginInfo,
      { type, id, options: toWireAny(request) },
      what,
      options,
    );
    if (answer.plugin === null) throw new CodedError('internal', `${what}: containerd answered without a plugin`);
    const extra = optionalAny(answer.extra);
    return { plugin: toPlugin(answer.plugin), ...(extra && { extra }) };
  }

  /** Starts the shim of a runtime (`io.containerd.runc.v2`) just to ask it what it can do. */
  async runtimeInfo(runtime: string, runtimeOptions?: Any, options?: CallOptions): Promise<RuntimeInfo> {
    const request = this.#types.encode('containerd.types.RuntimeRequest', {
      runtimePath: runtime,
      options: toWireAny(runtimeOptions),
    });
    const { extra } = await this.pluginInfo('io.containerd.runtime.v2', 'task', request, options);
    if (extra === undefined) throw new CodedError('unimplemented', `ask runtime "${runtime}": its shim says nothing`);
    const info = this.#types.decode('containerd.types.RuntimeInfo', extra);
    const features = optionalAny(info.features);
    return {
      name: info.name,
      version: info.version?.version ?? '',
      features: features && parseJsonAny(features),
    };
  }

  /** Which containerd this is. */
  async server(options?: CallOptions): Promise<ServerInfo> {
    const { uuid, pid } = await this.#rpc.unary(this.#methods.Server, {}, 'ask which containerd this is', options);
    return { uuid, pid: BigInt(pid) };
  }
}

function toPlugin(plugin: Plugin__Output): Plugin {
  const { type, id, exports, capabilities, initErr } = plugin;
  return { type, id, exports, capabilities, ...(initErr && { initError: initErr.message }) };
}
