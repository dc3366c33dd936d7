import type { FileSystem } from '../../linux/file-system.ts';
import type { ContainerDetail } from '../../pod/details.ts';
import { counters, gauge, gauges, seconds, type MetricRow } from './metric.ts';
import type { InterfaceCounters } from '../../linux/net-dev.ts';

/** A container with the file system of its layer; undefined while that cannot be asked. */
export interface ContainerOnDisk extends ContainerDetail {
  readonly fileSystem: FileSystem | undefined;
}

/** What is told of a container beyond its cgroup. */
export const containerMetrics: readonly MetricRow<ContainerOnDisk>[] = [
  gauge('container_processes', 'Processes.', ({ detail }) => BigInt(detail.processes.length)),
  gauge('container_file_descriptors', 'Open files of its processes.', ({ open }) => BigInt(open.descriptors)),
  gauge('container_sockets', 'Open sockets of its processes.', ({ open }) => BigInt(open.sockets)),
  gauges('container_ulimits_soft', 'Soft limits of its first process; 2^64-1 for none.', ['ulimit'], ({ openFilesLimit }) => [
    [openFilesLimit, 'max_open_files'],
  ]),
  onDisk('container_fs_usage_bytes', 'What it wrote into its own layer.', ({ layer }) => layer.sizeBytes),
  onDisk('container_fs_limit_bytes', "The size of its layer's file system.", (_, fileSystem) => fileSystem.sizeBytes),
  onDisk('container_fs_inodes_total', "All inodes of its layer's file system.", (_, fileSystem) => fileSystem.inodes),
  onDisk('container_fs_inodes_free', "Free inodes of its layer's file system.", (_, fileSystem) => fileSystem.freeInodes),
];

function onDisk(
  name: string,
  help: string,
  value: (container: ContainerDetail, fileSystem: FileSystem) => bigint,
): MetricRow<ContainerOnDisk> {
  return gauges(name, help, ['device'], (of) =>
    of.fileSystem === undefined ? [] : [[value(of, of.fileSystem), of.fileSystem.device]],
  );
}

/** When something was made and seen. */
export interface Times {
  readonly createdAtNs: bigint;
  readonly startedAtNs: bigint;
  readonly seenAtNs: bigint;
}

/** What is told of Pods and containers alike beside their cgroups. */
export const timeMetrics: readonly MetricRow<Times>[] = [
  gauge('container_creation_time_seconds', 'When it was created, in seconds since 1970.', ({ createdAtNs }) => seconds(createdAtNs)),
  gauge('container_start_time_seconds', 'When it was started, in seconds since 1970.', ({ startedAtNs }) => seconds(startedAtNs)),
  gauge('container_last_seen', 'When this was read, in seconds since 1970.', ({ seenAtNs }) => seconds(seenAtNs)),
];

/** What went through a Pod's interfaces. */
export const networkMetrics: readonly MetricRow<readonly InterfaceCounters[]>[] = [
  throughInterfaces('receive_bytes', 'Bytes received', ({ rxBytes }) => rxBytes),
  throughInterfaces('receive_packets', 'Packets received', ({ rxPackets }) => rxPackets),
  throughInterfaces('receive_packets_dropped', 'Packets dropped on receiving', ({ rxDropped }) => rxDropped),
  throughInterfaces('receive_errors', 'Errors on receiving', ({ rxErrors }) => rxErrors),
  throughInterfaces('transmit_bytes', 'Bytes sent', ({ txBytes }) => txBytes),
  throughInterfaces('transmit_packets', 'Packets sent', ({ txPackets }) => txPackets),
  throughInterfaces('transmit_packets_dropped', 'Packets dropped on sending', ({ txDropped }) => txDropped),
  throughInterfaces('transmit_errors', 'Errors on sending', ({ txErrors }) => txErrors),
];

function throughInterfaces(
  what: string,
  help: string,
  value: (one: InterfaceCounters) => bigint,
): MetricRow<readonly InterfaceCounters[]> {
  return counters(`container_network_${what}_total`, `${help} by an interface.`, ['interface'], (interfaces) =>
    interfaces.map((one) => [value(one), one.name]),
  );
}
