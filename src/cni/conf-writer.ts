import { mkdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { CodedError, invalidField, messageOf } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import type { Log } from '../lib/log.ts';
import { parseConfList } from './conf.ts';
import type { NetworkSource } from './network.ts';
import { renderTemplate } from './template.ts';

/** What is written; the number puts it behind what a network add-on installs as 05-…, as is the custom. */
const fileName = '10-podwright.conflist';

export interface ConfWriterOptions {
  /** The network there is, which is looked at anew with `refresh`. */
  readonly source: Pick<NetworkSource, 'current'> & { refresh(): Promise<void> };
  readonly confDir: string;
  /** Empty for none. */
  readonly template: string;
  readonly log: Log;
}

/**
 * Makes the network configuration when the kubelet tells the node's Pod CIDR (CRI UpdateRuntimeConfig), for networks
 * that nobody else configures. The template's fields are those of containerd's: PodCIDR, PodCIDRRanges, Routes.
 */
export class ConfWriter {
  readonly #options: ConfWriterOptions;
  readonly #lock = new KeyedLock();

  constructor(options: ConfWriterOptions) {
    this.#options = options;
  }

  /**
   * Takes in the Pod CIDR, one or several with commas between. Writes nothing where there is a network or no template.
   * invalidArgument for what is no CIDR, failedPrecondition for a template that gives no valid configuration.
   */
  async podCidr(text: string): Promise<void> {
    if (text === '') return;
    const ranges = readCidrs(text);
    await this.#lock.run('write', () => this.#write(ranges));
  }

  async #write(ranges: readonly string[]): Promise<void> {
    const { source, confDir, template, log } = this.#options;
    if (template === '') {
      log.info({ podCidr: ranges }, 'the kubelet told the pod CIDR');
      return;
    }
    await source.refresh();
    if (source.current !== undefined) {
      log.info({ podCidr: ranges, network: source.current.name }, 'there is a network, so none is made from the template');
      return;
    }
    const file = path.join(confDir, fileName);
    await mkdir(confDir, { recursive: true, mode: 0o755 });
    await writeFileAtomic(file, await this.#render(ranges), 0o644);
    await source.refresh();
    log.info({ podCidr: ranges, template, file }, 'made the network configuration from its template');
  }

  async #render(ranges: readonly string[]): Promise<string> {
    const { template } = this.#options;
    try {
      const text = renderTemplate(await readFile(template, 'utf8'), {
        PodCIDR: ranges[0] ?? '',
        PodCIDRRanges: ranges,
        Routes: routesOf(ranges),
      });
      parseConfList(text);
      return text;
    } catch (error) {
      throw new CodedError('failedPrecondition', `make the network configuration from "${template}": ${messageOf(error)}`, { cause: error });
    }
  }
}

/** The ranges of a `pod_cidr`. */
export function readCidrs(text: string): readonly string[] {
  const ranges = text.split(',').map((range) => range.trim());
  for (const range of ranges) {
    const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(range) ?? [];
    const family = net.isIP(address);
    if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) {
      throw invalidField('runtime_config.network_config.pod_cidr', text, `"${range}" is no range such as 10.1.0.0/24 or fd00::/64`);
    }
  }
  return ranges;
}

/** The way out for each family that there is. */
function routesOf(ranges: readonly string[]): string[] {
  const isV6 = (range: string): boolean => range.includes(':');
  return [...(ranges.every(isV6) ? [] : ['0.0.0.0/0']), ...(ranges.some(isV6) ? ['::/0'] : [])];
}
