// A private node to play with by hand.
//   node.ts up [--keep] [--kubelet] [--cri-plugin] [--containerd=2.3]   makes one; without --keep it ends with Ctrl-C
//   node.ts env     prints shell lines that point PATH and crictl to the kept nodes
//   node.ts down    takes the kept nodes down, and those whose owner died
import { parseArgs } from 'node:util';
import { listNodes, type NodeFacts } from '../../test/support/node/facts.ts';
import { removeNode, sweepNodes } from '../../test/support/node/remove.ts';
import { crictlFlags, TempNode } from '../../test/support/temp-node.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: 'boolean', default: false },
    kubelet: { type: 'boolean', default: false },
    'cri-plugin': { type: 'boolean', default: false },
    containerd: { type: 'string', default: '2.4' },
  },
});

switch (positionals[0] ?? '') {
  case 'up':
    await up();
    break;
  case 'down':
    await down();
    break;
  case 'env':
    for (const facts of await keptNodes()) printEnvironment(facts);
    break;
  default:
    console.error('usage: node.ts up [--keep] [--kubelet] [--cri-plugin] [--containerd=2.3] | env | down');
    process.exitCode = 64;
}

async function up(): Promise<void> {
  const node = await TempNode.start({
    containerdVersion: values.containerd === '2.3' ? '2.3' : '2.4',
    criPlugin: values['cri-plugin'],
    kubelet: values.kubelet,
    onProgress: (what) => console.error(`${what} ...`),
  });
  console.log(`# ${node.root}: podwright.log, config.toml and the rest are in here`);
  if (values.kubelet) console.log(`# static Pods go into ${node.kubelet.manifestFolder}`);
  printEnvironment(node.facts);
  if (values.keep) {
    await node.keep();
    return;
  }
  console.error('Ctrl-C takes it down again.');
  // Only a timer keeps the process; the node's daemons do not.
  setInterval(() => {}, 3_600_000);
}

async function down(): Promise<void> {
  for (const facts of await keptNodes()) {
    await removeNode(facts);
    console.log(`removed ${facts.name}`);
  }
  for (const name of await sweepNodes()) console.log(`removed ${name}`);
}

async function keptNodes(): Promise<NodeFacts[]> {
  return (await listNodes()).filter((facts) => facts.owner === null);
}

function printEnvironment(facts: NodeFacts): void {
  console.log(`export PATH=${facts.toolsPath.join(':')}:$PATH`);
  console.log(`export CONTAINERD_ADDRESS=${facts.containerdSocket} CONTAINERD_NAMESPACE=${facts.name}`);
  console.log(`alias crictl='crictl ${crictlFlags(facts.criSocket).join(' ')}'`);
}
