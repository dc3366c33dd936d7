// The inner half of ../node-e2e.ts, in namespaces of its own.
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Table } from '../../test/support/node/podwright.ts';
import { TempNode } from '../../test/support/temp-node.ts';
import { buildImages } from '../images/build.ts';
import { pushImages } from '../images/push.ts';
import { judgeSuite, parseExpectations, type RuntimeName } from './expectations.ts';
import { enterMachine, giveFolders, makeDefaultRoute } from './machine.ts';
import { choosePart, isOurs } from './selection.ts';
import { listSpecs, runSuite, suiteLogs, type SuiteSeat } from './suite.ts';

const { values } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'podwright' },
    part: { type: 'string', default: '1/1' },
    focus: { type: 'string', default: '' },
    procs: { type: 'string', default: '6' },
    logs: { type: 'string', default: '' },
  },
});
const runtime: RuntimeName = values.runtime === 'containerd' ? 'containerd' : 'podwright';
const listPath = 'docs/conformance.md';
const expectations = parseExpectations(await readFile(path.join(import.meta.dirname, '../..', listPath), 'utf8'));

/** cAdvisor knows one namespace of containerd only, and specs about runtime classes one handler. */
const podwrightConfig: Table = {
  containerd: { namespace: 'k8s.io' },
  runtimes: { 'test-handler': { type: 'io.containerd.runc.v2' } },
};

await enterMachine();
const node = await TempNode.start({
  criPlugin: runtime === 'containerd',
  podwright: runtime === 'podwright' && { config: podwrightConfig },
  onProgress: (what) => console.error(`${what} ...`),
});
try {
  await pushImages(await buildImages('nodeSuite'), { url: node.registry.url });
  await giveFolders(node);
  await makeDefaultRoute(node);
  const seat: SuiteSeat = { node, procs: Number(values.procs) };
  const all = (await listSpecs(seat)).filter(({ name }) => isOurs(name));
  const focused = all.filter(({ name }) => new RegExp(values.focus).test(name));
  const chosen = choosePart(focused, values.part);
  console.error(`running ${chosen.length} of ${all.length} specs on ${runtime} ...`);

  const started = Date.now();
  const specs = await runSuite(seat, chosen);
  const complaints = judgeSuite({ specs, chosen, all: all.map(({ name }) => name), expectations, runtime, listPath });
  for (const { name, state, attempts, message } of specs) {
    if (state === 'passed' && attempts > 1) console.log(`passed at attempt ${attempts}: ${name}`);
    if (state !== 'passed') console.log(`${state}: ${name}${message && `\n  ${message.split('\n').slice(0, 4).join('\n  ')}`}`);
  }
  for (const complaint of complaints) console.log(`node-e2e: ${complaint}`);
  if (complaints.length > 0 || values.logs !== '') {
    const into = values.logs || 'node-e2e-logs';
    await keepLogs(node, into);
    console.log(`node-e2e: logs are in ${into}/`);
  }
  console.log(`node-e2e: ${chosen.length} specs on ${runtime} took ${Math.round((Date.now() - started) / 1000)} s`);
  // As mocha counts, so that one sum can be made of all tests.
  console.log(`  ${specs.filter(({ state }) => state === 'passed').length} passing`);
  console.log(`  ${complaints.length} failing`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  await node.stop();
}

/** The node takes its own away when it goes. */
async function keepLogs(node: TempNode, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const logs = [...suiteLogs(node), runtime === 'podwright' ? node.podwright.logPath : node.containerd.logPath];
  // One that stopped early may not have written all of them.
  await Promise.all(logs.map((log) => copyFile(log, path.join(into, path.basename(log))).catch(() => {})));
}
