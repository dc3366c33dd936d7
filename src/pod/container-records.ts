import { CodedError, messageOf } from '../lib/errors.ts';
import type { ContainerRecord, ContainerStatus } from './container.ts';
import { containerExtensionName } from './cri-labels.ts';
import { fromJson, toJson } from './json.ts';
import type { Any, StoredContainer } from './ports.ts';

/** The file beside containerd that says how far a container has come. */
export interface ContainerStatusRecord extends ContainerStatus {
  readonly version: 1;
}

const recordTypeUrl = 'podwright.dev/container/v1';

/** A container's record as the extension of its containerd record. */
export function containerExtension(record: ContainerRecord): Any {
  return { typeUrl: recordTypeUrl, value: Buffer.from(toJson(record)) };
}

/** Reads the record back; DATA_LOSS where it is missing or is not one of ours. */
export function readContainerExtension(stored: StoredContainer): ContainerRecord {
  const extension = stored.extensions[containerExtensionName];
  if (extension === undefined) throw new CodedError('dataLoss', `container "${stored.id}" has no podwright record`);
  try {
    const record = fromJson(extension.value.toString('utf8'));
    if (!isRecord(record) || record.id !== stored.id) throw new Error('it is not a record of this container');
    return record;
  } catch (error) {
    throw new CodedError('dataLoss', `the record of container "${stored.id}" cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function isRecord(value: unknown): value is ContainerRecord {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'id' in value;
}
