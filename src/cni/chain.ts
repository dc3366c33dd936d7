import { statfs } from 'node:fs/promises';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Undo } from '../lib/undo.ts';
import type { Attachment } from './attachment.ts';
import type { NetworkConf, PluginConf } from './conf.ts';
import type { JsonObject } from './json.ts';
import type { Plugins, RunOptions } from './plugin.ts';
import type { CniVerb } from './plugin-error.ts';
import { complaintOf, describeCall, quote } from './plugin-error.ts';
import { attachmentRequest } from './request.ts';
import type { CniResult } from './result.ts';
import { parseResult } from './result.ts';
import { isCniVersionAtLeast } from './version.ts';

/** An attachment to act on: what, to which network, in which namespace (empty when that is gone). */
export interface ChainCall extends Attachment {
  readonly network: NetworkConf;
  readonly netnsPath: string;
}

/** Milliseconds a plugin may take to undo its failed ADD: one that hung there is likely to hang again. */
const undoTimeoutMs = 20_000;

/**
 * ADD: one plugin after the other, each with the result of the one before. What each may have done is pushed on
 * `undo` before it starts, and `onProgress` is told what there is to delete it with. All programs are looked up first, so a missing one leaves nothing to undo.
 */
export async function addChain(
  plugins: Plugins,
  call: ChainCall,
  undo: Undo,
  options: { readonly signal?: AbortSignal | undefined; readonly onProgress: (result: JsonObject) => Promise<void> },
): Promise<CniResult> {
  const { signal, onProgress } = options;
  const { network } = call;
  const found = await Promise.all(pluginsOf(call, true).map(async (plugin) => ({ plugin, file: await plugins.find(plugin.type) })));
  let result: CniResult | undefined;
  for (const { plugin, file } of found) {
    // On its way no longer than a file takes to be renamed, and there before the next plugin does anything: one that
    // outlives a killed podwright could not be taken back without.
    if (result !== undefined) await onProgress(result.raw);
    undo.push(`take back what cni plugin "${plugin.type}" did for "${call.containerId}"`, async () => {
      await runPlugin(plugins, 'DEL', plugin, file, call, prevResultOnDel(network, result?.raw), { timeoutMs: undoTimeoutMs });
    });
    const printed = await runPlugin(plugins, 'ADD', plugin, file, call, result?.raw, { signal });
    result = readResult(printed, plugin, call);
  }
  if (result === undefined) throw new CodedError('failedPrecondition', `network "${network.name}" has no plugins`);
  return result;
}

/**
 * DEL: the plugins in reverse, each with the result of the ADD; stops at the first that fails, as the spec wants.
 * `addIsKnown` says that `call` has the ADD's own arguments, so that it is known which plugins had nothing to do.
 */
export async function delChain(
  plugins: Plugins,
  call: ChainCall,
  result: JsonObject | undefined,
  log: Log,
  options: { readonly addIsKnown: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { signal } = options;
  const prevResult = prevResultOnDel(call.network, result);
  for (const plugin of pluginsOf(call, options.addIsKnown).toReversed()) {
    const file = await plugins.find(plugin.type);
    try {
      await runPlugin(plugins, 'DEL', plugin, file, call, prevResult, { signal });
    } catch (error) {
      if (!meansGone(error, call.netnsPath)) throw error;
      log.debug({ containerId: call.containerId, error: messageOf(error) }, 'cni plugin had nothing left to delete');
    }
  }
}

/** CHECK: the plugins in order, each with the result of the ADD. */
export async function checkChain(plugins: Plugins, call: ChainCall, result: JsonObject, signal?: AbortSignal): Promise<void> {
  for (const plugin of pluginsOf(call, true)) {
    await runPlugin(plugins, 'CHECK', plugin, await plugins.find(plugin.type), call, result, { signal });
  }
}

/**
 * Whether a plugin certainly has nothing to do for an attachment: `portmap` without a port to map. It then hands its
 * input on and, at DEL, looks through the firewall's rules for what it never made. Nearly no Pod has host ports, and
 * leaving it out saves each two processes and most of its DEL (20 of 45 ms, 2026-11). Of other plugins that only
 * serve a capability this cannot be known: bandwidth also takes limits from its own configuration.
 */
function isIdle(plugin: PluginConf, capabilityArgs: JsonObject): boolean {
  const mappings = capabilityArgs['portMappings'];
  const hasMappings = Array.isArray(mappings) && mappings.length > 0;
  return plugin.type === 'portmap' && plugin.capabilities.includes('portMappings') && !hasMappings;
}

/** The plugins that an ADD runs or ran; all of them where its arguments are not known. */
function pluginsOf(call: ChainCall, addIsKnown: boolean): PluginConf[] {
  return call.network.plugins.filter((plugin, index) => index === 0 || !addIsKnown || !isIdle(plugin, call.capabilityArgs));
}

/** The path if a network namespace is (still) there, empty if not: after a reboot its pin is gone or an empty file. */
export async function liveNetns(netnsPath: string): Promise<string> {
  if (netnsPath === '') return '';
  const found = await statfs(netnsPath).catch(() => undefined);
  return found !== undefined && namespaceFilesystems.has(found.type) ? netnsPath : '';
}

// NSFS_MAGIC and PROC_SUPER_MAGIC of linux/magic.h: a pin, and /proc/PID/ns/net on old kernels.
const namespaceFilesystems: ReadonlySet<number> = new Set([0x6e736673, 0x9fa0]);

async function runPlugin(
  plugins: Plugins,
  verb: CniVerb,
  plugin: PluginConf,
  file: string,
  call: ChainCall,
  prevResult: JsonObject | undefined,
  options: RunOptions,
): Promise<string> {
  const { containerId, netnsPath, ifName, args, capabilityArgs, network } = call;
  const conf = attachmentRequest(network, plugin, capabilityArgs, prevResult);
  return plugins.run({ type: plugin.type, file, verb, conf, containerId, netnsPath, ifName, args }, options);
}

function readResult(printed: string, plugin: PluginConf, call: ChainCall): CniResult {
  try {
    return parseResult(printed, call.network.cniVersion);
  } catch (error) {
    const what = describeCall(plugin.type, 'ADD', call.containerId);
    throw new CodedError('internal', `${what}: ${messageOf(error)}; it printed ${quote('stdout', printed) || 'nothing'}`, { cause: error });
  }
}

// Plugins of 0.3.1 and older know no prevResult on DEL.
function prevResultOnDel(network: NetworkConf, result: JsonObject | undefined): JsonObject | undefined {
  return isCniVersionAtLeast(network.cniVersion, '0.4.0') ? result : undefined;
}

// Code 3 says there is nothing to clean up. Older plugins do not know the empty namespace that means the same, and
// fail over its path: https://github.com/containernetworking/plugins/issues/210
function meansGone(error: unknown, netnsPath: string): boolean {
  const complaint = complaintOf(error);
  if (complaint === undefined) return false;
  if (complaint.code === 3) return true;
  return netnsPath === '' && /no such file or directory|not found/.test(`${complaint.msg} ${complaint.details}`);
}
