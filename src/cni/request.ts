import type { NetworkConf, PluginConf } from './conf.ts';
import type { JsonObject } from './json.ts';

/** The configuration a plugin gets on stdin for an attachment (CNI 1.1.0 section 3, "Deriving request configuration"). */
export function attachmentRequest(
  network: NetworkConf,
  plugin: PluginConf,
  capabilityArgs: JsonObject,
  prevResult: JsonObject | undefined,
): JsonObject {
  const wanted = plugin.capabilities.filter((capability) => Object.hasOwn(capabilityArgs, capability));
  return {
    ...ownFields(network, plugin),
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted.map((key) => [key, capabilityArgs[key]])) }),
    ...(prevResult !== undefined && { prevResult }),
  };
}

/** The configuration for verbs that concern the whole network: STATUS, and GC with its `cni.dev/` fields in `extra`. */
export function networkRequest(network: NetworkConf, plugin: PluginConf, extra: JsonObject = {}): JsonObject {
  return { ...ownFields(network, plugin), ...extra };
}

/** The fields by which GC names the attachments that are still in use. libcni sends both, as plugins learnt either. */
export function gcFields(valid: readonly { readonly containerId: string; readonly ifName: string }[]): JsonObject {
  const attachments = valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
  return { 'cni.dev/valid-attachments': attachments, 'cni.dev/attachments': attachments };
}

// The spec has `capabilities` taken out again; libcni leaves it in, and no plugin minds.
function ownFields(network: NetworkConf, plugin: PluginConf): JsonObject {
  const { capabilities: _, ...rest } = plugin.raw;
  return { ...rest, name: network.name, cniVersion: network.cniVersion };
}
