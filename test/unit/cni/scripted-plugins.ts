import type { PluginCall, Plugins, RunOptions } from '../../../src/cni/plugin.ts';
import { CodedError } from '../../../src/lib/errors.ts';

/** What a plugin does when it is run: prints the text returned, or fails with what is thrown. */
export type Script = (call: PluginCall, options: RunOptions) => string | Promise<string>;

/** Plugins that do as they are told, and a record of what was asked of them. */
export class ScriptedPlugins implements Plugins {
  readonly calls: PluginCall[] = [];
  readonly scripts = new Map<string, Script>();

  constructor(scripts: Readonly<Record<string, Script>>) {
    for (const [type, script] of Object.entries(scripts)) this.scripts.set(type, script);
  }

  async find(type: string): Promise<string> {
    if (!this.scripts.has(type)) throw new CodedError('failedPrecondition', `cni plugin "${type}" is not in /opt/cni/bin`);
    return `/opt/cni/bin/${type}`;
  }

  async run(call: PluginCall, options: RunOptions = {}): Promise<string> {
    this.calls.push(call);
    const script = this.scripts.get(call.type);
    if (script === undefined) throw new CodedError('internal', `"${call.type}" was run without being found`);
    return script(call, options);
  }

  /** The calls so far in short, `ADD bridge`, and forgets them. */
  take(): string[] {
    return this.calls.splice(0).map((call) => `${call.verb} ${call.type}`);
  }
}

/** An interface plugin that gives every sandbox the same address, and passes other verbs. */
export function giving(address: string): Script {
  return (call) => {
    if (call.verb !== 'ADD') return '';
    return JSON.stringify({
      cniVersion: call.conf['cniVersion'],
      interfaces: [{ name: call.ifName, sandbox: call.netnsPath }],
      ips: [{ address, interface: 0 }],
    });
  };
}

/** A chained plugin that passes on what it is given. */
export const passing: Script = (call) => (call.verb === 'ADD' ? JSON.stringify(call.conf['prevResult']) : '');

/** The failure of a plugin that printed a CNI error. */
export function complaining(code: number, msg: string): CodedError {
  return new CodedError('internal', msg, { cause: { code, msg, details: '' } });
}
