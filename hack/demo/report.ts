import type { Pod } from '../../test/support/node/kubelet.ts';
import { table } from '../screen/screen.ts';
import { containersOf, describeState } from './states.ts';
import type { Timings } from './timings.ts';

const chartWidth = 36;

/** The Pod's containers as a table. */
export function containerTable(pod: Pod): string {
  const rows = containersOf(pod).map((container) => [
    container.name,
    container.kind,
    describeState(container),
    String(container.restartCount),
    (container.containerID ?? '').replace(/^.*:\/\//, '').slice(0, 13),
  ]);
  return table([['NAME', 'KIND', 'STATE', 'RESTARTS', 'ID'], ...rows]);
}

/** How long RunPodSandbox took, and when each of its steps ran. */
export function sandboxChart({ sandboxMs, steps }: Timings): string {
  const endMs = Math.max(1, ...steps.map((step) => step.startMs + step.tookMs));
  const rows = steps.map(({ name, startMs, tookMs }) => [`  ${name}`, milliseconds(tookMs), bar(startMs, tookMs, endMs)]);
  return table([['RunPodSandbox', milliseconds(sandboxMs)], ...rows]);
}

/** A bar from `startMs` on, `tookMs` long, of a line that stands for `endMs`. */
export function bar(startMs: number, tookMs: number, endMs: number): string {
  const from = Math.min(Math.floor((startMs / endMs) * chartWidth), chartWidth - 1);
  const length = Math.max(1, Math.round((tookMs / endMs) * chartWidth));
  return `|${' '.repeat(from)}${'#'.repeat(Math.min(length, chartWidth - from))}`.padEnd(chartWidth + 1) + '|';
}

/** What pulling, creating and starting took, for each image and container. */
export function containerTimes({ pulls, containers, execsMs }: Timings): string {
  const execMs = execsMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, execsMs.length);
  return [
    table(pulls.map(({ image, ms }) => [`pull ${image}`, milliseconds(ms)])),
    '',
    table([
      ['', 'CreateContainer', 'StartContainer'],
      ...containers.map(({ name, createMs, startMs }) => [name, milliseconds(createMs).padStart(15), milliseconds(startMs).padStart(14)]),
    ]),
    '',
    `exec liveness probe: ${execsMs.length} so far, ${milliseconds(execMs).trim()} each`,
  ].join('\n');
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`.padStart(8);
}
