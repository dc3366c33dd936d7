// make critest: runs upstream's CRI conformance tests against a podwright of their own, and fails when a spec
// fails, does not run and is not in docs/conformance.md, or is not there any more.
//   critest.ts [--parallel=N] [--focus=REGEXP] [--cri-plugin]
// With --focus only the specs that match run; with --cri-plugin they are put to containerd's own CRI, to compare.
// Those of streaming run twice, over SPDY with all others and once more over WebSocket.
import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parseNotRun, parseSpecCount } from './critest/not-run.ts';
import { judge, type Spec } from './critest/report.ts';
import { portsInUse, runCritest } from './critest/run.ts';
import { eventually } from '../test/support/eventually.ts';
import { TempNode } from '../test/support/temp-node.ts';

const { values } = parseArgs({
  options: {
    parallel: { type: 'string', default: '1' },
    focus: { type: 'string', default: '' },
    'cri-plugin': { type: 'boolean', default: false },
  },
});
const listPath = 'docs/conformance.md';
const list = await readFile(path.join(import.meta.dirname, '..', listPath), 'utf8');
const notRun = parseNotRun(list);

const inUse = await portsInUse();
if (inUse.length > 0) throw new Error(`critest needs the ports ${inUse.join(', ')} of this machine, and something listens there`);

const node = await TempNode.start({ criPlugin: values['cri-plugin'], onProgress: (what) => console.error(`${what} ...`) });
try {
  const leftOut = notRun.filter((entry) => entry.isOurChoice).map((entry) => entry.spec);
  const processes = Number(values.parallel);
  const spdy = await runCritest(node, { leftOut, focus: values.focus, processes, transport: 'spdy' });
  const streaming = values.focus === '' ? 'Streaming' : values.focus;
  const webSocket = /streaming/i.test(streaming)
    ? await runCritest(node, { leftOut, focus: streaming, processes: 1, transport: 'websocket' })
    : { specs: [], exitCode: 0 };
  const specs = [...spdy.specs, ...webSocket.specs];
  const exitCode = spdy.exitCode || webSocket.exitCode;
  const left = await remains();
  const complaints = [
    ...judge(spdy.specs, notRun, { listPath, isWhole: values.focus === '', count: parseSpecCount(list) }),
    ...(webSocket.specs.length === 0 ? [] : judge(webSocket.specs, notRun, { listPath, isWhole: false })).map((complaint) => `over WebSocket: ${complaint}`),
    ...(exitCode !== 0 && !specs.some(isFailed) ? [`critest ended with ${exitCode}, with no spec failed`] : []),
    ...left.map((what) => `left behind: ${what}`),
  ];
  for (const complaint of complaints) console.log(`critest: ${complaint}`);
  if (complaints.length > 0 && !values['cri-plugin']) {
    // The node takes its own away.
    await copyFile(node.podwright.logPath, 'critest.log');
    console.log("critest: podwright's log is in critest.log");
  }
  // As mocha counts, so that one sum can be made of all tests.
  console.log(`  ${specs.filter(({ state }) => state === 'passed').length} passing`);
  console.log(`  ${complaints.length} failing`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  await node.stop();
}

/** What is left of the specs' Pods once there has been time for what was still ending. */
async function remains(): Promise<string[]> {
  if (values['cri-plugin']) return [];
  let left: string[] = [];
  try {
    await eventually('nothing is left', async () => {
      left = await node.leaks();
      return left.length === 0;
    });
  } catch {
    // What was left last is the answer.
  }
  return left;
}

function isFailed(spec: Spec): boolean {
  return spec.state !== 'passed' && spec.state !== 'skipped' && spec.state !== 'pending';
}
