import { CodedError, messageOf } from '../lib/errors.ts';
import type { ContainerRecord, ContainerStatus } from './container.ts';
import { containerConfigExtensionName, containerExtensionName } from './cri-labels.ts';
import type { Any, ContainerConfigsPort, StoredContainer } from './ports.ts';

/** The file beside containerd that says how far a container has come. */
export interface ContainerStatusRecord extends ContainerStatus {
  readonly version: 1;
}

const recordTypeUrl = 'podwright.dev/container/v2';
const configTypeUrl = 'runtime.v1.ContainerConfig';

/**
 * A container's record as extensions of its containerd record: the CRI's config in the CRI's own wire form, and the
 * rest as JSON.
 */
export function containerExtensions(configs: ContainerConfigsPort, record: ContainerRecord): Record<string, Any> {
  const { config, ...rest } = record;
  return {
    [containerExtensionName]: { typeUrl: recordTypeUrl, value: Buffer.from(JSON.stringify({ version: 2, ...rest })) },
    [containerConfigExtensionName]: { typeUrl: configTypeUrl, value: configs.encode(config) },
  };
}

/** Reads the record back; DATA_LOSS where it is missing or is not one of ours. */
export function readContainerExtensions(configs: ContainerConfigsPort, stored: StoredContainer): ContainerRecord {
  const extension = stored.extensions[containerExtensionName];
  if (extension === undefined) throw new CodedError('dataLoss', `container "${stored.id}" has no podwright record`);
  try {
    const record = parseRecord(extension.value.toString('utf8'));
    if (!isStoredRecord(record) || record.id !== stored.id) throw new Error('it is not a record of this container');
    const { version, ...rest } = record;
    // The first version had the config in it, as JSON.
    if (version === 1) return rest as ContainerRecord;
    const config = stored.extensions[containerConfigExtensionName];
    if (version !== 2 || config === undefined) throw new Error('it is not a record that this podwright knows');
    return { ...rest, config: configs.decode(config.value) };
  } catch (error) {
    throw new CodedError('dataLoss', `the record of container "${stored.id}" cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The JSON of a record. In the first version a variable's value, which is bytes, is {"$bytes": base64} under the key
 * `value`; nowhere else, so that a label named "$bytes" stays what it is.
 */
function parseRecord(text: string): unknown {
  return JSON.parse(text, (key, item: unknown) => {
    if (key !== 'value' || typeof item !== 'object' || item === null) return item;
    return '$bytes' in item && typeof item.$bytes === 'string' ? Buffer.from(item.$bytes, 'base64') : item;
  });
}

type StoredRecord = Omit<ContainerRecord, 'config'> & { readonly version: unknown };

function isStoredRecord(value: unknown): value is StoredRecord {
  return typeof value === 'object' && value !== null && 'version' in value && 'id' in value;
}
