import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../../test/support/node/kubelet.ts';
import { findRemains } from '../../test/support/node/remains.ts';
import { TempNode } from '../../test/support/temp-node.ts';
import { judge, takeDownAll, tellOfSignals } from '../screen/endings.ts';
import { type Screen, seconds } from '../screen/screen.ts';
import { instructions, keepDemo, keptDemos } from './kept.ts';
import { demoPod } from './manifest.ts';
import { containerTable, containerTimes, sandboxChart } from './report.ts';
import { containersOf, describePod, isReady, news } from './states.ts';
import { readTimings, type Timings } from './timings.ts';

const readyDeadlineMs = 120_000;
const settleDeadlineMs = 30_000;
const goneDeadlineMs = 60_000;
const pollMs = 100;
const logLines = 3;

/** The whole demonstration; returns the exit code. */
export async function runDemo(screen: Screen, { keep }: { readonly keep: boolean }): Promise<number> {
  const [kept] = await keptDemos();
  if (kept !== undefined) {
    screen.text(`A demo is running already, kept in ${kept.root}.\n"make demo-stop" ends it. To play with it:\n\n${instructions(kept)}`);
    return 1;
  }
  tellOfSignals(screen);
  screen.heading('A kubelet, podwright and a containerd of their own');
  const node = await TempNode.start({ kubelet: true, onProgress: (what) => screen.begin(what) });
  screen.done();
  try {
    screen.heading('The Pod starts');
    const pod = await startPod(node, screen);
    await letItWork(node, screen);
    await report(node, pod, screen);
    if (keep) {
      await keepDemo(node);
      screen.heading('It goes on running');
      screen.text(`${instructions(node.facts)}\n\nmake demo-stop ends it.`);
      return 0;
    }
    screen.heading('All is taken down');
    const leaks = await endPod(node, screen);
    screen.begin('the kubelet, podwright, containerd and the registry end');
    await node.stop();
    screen.done();
    return judge([...leaks, ...(await findRemains(node.facts))], screen);
  } catch (error) {
    screen.text(`\n${screen.paint('red', 'It went wrong:')} ${error instanceof Error ? error.message : String(error)}`);
    await tellLogs(node, screen);
    await node.stop();
    return 1;
  }
}

/** Ends the demonstration that was kept; returns the exit code. */
export async function stopKept(screen: Screen): Promise<number> {
  return takeDownAll('demo', await keptDemos(), screen);
}

/** Hands the manifest over and tells every change until the kubelet says Ready. */
async function startPod(node: TempNode, screen: Screen): Promise<Pod> {
  const startedMs = performance.now();
  await node.kubelet.runPod(demoPod);
  screen.text(`${screen.paint('dim', seconds(0).padStart(7))}  ${'manifest'.padEnd(9)} handed to the kubelet`);
  let told: ReadonlyMap<string, string> = new Map();
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    const pod = await node.kubelet.pod('demo');
    const now = describePod(pod);
    for (const [subject, words] of news(told, now)) {
      screen.text(`${screen.paint('dim', seconds(elapsedMs).padStart(7))}  ${subject.padEnd(9)} ${words}`);
    }
    told = now;
    if (pod !== undefined && isReady(pod)) return pod;
    if (elapsedMs > readyDeadlineMs) throw new Error(`the Pod was not Ready after ${seconds(readyDeadlineMs)}`);
    await sleep(pollMs);
  }
}

/** Waits until each container has said something and a probe has run inside one, so that there is something to show. */
async function letItWork(node: TempNode, screen: Screen): Promise<void> {
  screen.begin('it works for a moment');
  const deadline = performance.now() + settleDeadlineMs;
  for (;;) {
    const pod = await node.kubelet.pod('demo');
    const logs = pod === undefined ? [] : await Promise.all(containersOf(pod).map(({ name }) => containerLog(node, pod, name)));
    const { execsMs } = await timingsOf(node);
    if (logs.length > 0 && logs.every((log) => log !== '') && execsMs.length > 0) break;
    if (performance.now() > deadline) throw new Error('not every container has said something, or no liveness probe has run');
    await sleep(pollMs);
  }
  screen.done();
}

function containerLog(node: TempNode, pod: Pod, container: string): Promise<string> {
  return node.kubelet.get(`/containerLogs/default/${pod.metadata.name}/${container}?tailLines=${logLines}`);
}

async function timingsOf(node: TempNode): Promise<Timings> {
  return readTimings(await readFile(node.podwright.logPath, 'utf8'), `default/demo-${node.facts.name}`);
}

async function report(node: TempNode, pod: Pod, screen: Screen): Promise<void> {
  screen.heading('What runs now');
  screen.text(`Pod default/demo, IP ${pod.status?.podIP}\n`);
  screen.text(containerTable(pod));
  screen.heading('What the containers say');
  for (const { name } of containersOf(pod)) {
    const log = await containerLog(node, pod, name);
    screen.text(log.trimEnd().split('\n').map((line) => `${screen.paint('bold', name.padEnd(9))} ${line}`).join('\n'));
  }
  const timings = await timingsOf(node);
  screen.heading("How long it took, from podwright's log");
  screen.text(`${sandboxChart(timings)}\n\n${containerTimes(timings)}`);
}

/** Takes the manifest away and tells what the Pod left behind on the node, one line each. */
async function endPod(node: TempNode, screen: Screen): Promise<string[]> {
  screen.begin('the kubelet ends the Pod');
  await node.kubelet.removePod('demo');
  const deadline = performance.now() + goneDeadlineMs;
  for (;;) {
    const states = await node.crictl('pods', '--output', 'json');
    const { items } = JSON.parse(states) as { items?: { readonly state: string }[] };
    if ((items ?? []).every(({ state }) => state !== 'SANDBOX_READY') && (await node.kubelet.pod('demo')) === undefined) break;
    if (performance.now() > deadline) throw new Error(`the kubelet did not end the Pod in ${seconds(goneDeadlineMs)}`);
    await sleep(pollMs);
  }
  // The kubelet's own collector of ended sandboxes comes once a minute.
  await node.crictl('rmp', '--all', '--force');
  // The Pods' own cgroups are the kubelet's, which removes them every other second.
  let leaks = await node.leaks();
  while (leaks.length > 0 && performance.now() < deadline) {
    await sleep(pollMs);
    leaks = await node.leaks();
  }
  screen.done();
  return leaks;
}

/** The end of each daemon's log, where the cause may be. */
async function tellLogs(node: TempNode, screen: Screen): Promise<void> {
  for (const { logPath } of [node.podwright, node.kubelet, node.containerd]) {
    const log = await readFile(logPath, 'utf8').catch(() => '');
    screen.text(`\n${screen.paint('bold', logPath)}\n${log.trimEnd().split('\n').slice(-10).join('\n')}`);
  }
}
