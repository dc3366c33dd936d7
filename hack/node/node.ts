// A private node to play with by hand.
//   node.ts up [--keep] [--kubelet] [--cri-plugin] [--containerd=2.3]   makes one; without --keep it ends with Ctrl-C
//   node.ts env     prints shell lines that point PATH and crictl to the kept nodes
//   node.ts down [NAME...]    takes kept nodes down (the only one, or those named), and those whose owner died
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
    await down(positionals.slice(1));
    break;
  case 'env':
    for (const facts of await keptNodes()) printEnvironment(facts);
    break;
  default:
    console.error('usage: node.ts up [--keep] [--kubelet] [--cri-plugin] [--containerd=2.3] | env | down [NAME...]');
    process.exitCode = 64;
}

async function up(): Promise<void> {
  const node = await TempNode.start({
    containerdVersion: values.containerd === '2.3' ? '2.3' : '2.4',
    criPlugin: values['cri-plugin'],
    kubelet: values.kubelet,
    onProgress: (what) => console.error(`${what} ...`),
  });
  if (values.keep) await node.keep();
  console.log(`# ${node.root}: podwright.log, config.toml and the rest are in here`);
  if (values.kubelet) console.log(`# static Pods go into ${node.kubelet.manifestFolder}`);
  printEnvironment(node.facts);
  if (values.keep) return;
  console.error('Ctrl-C takes it down again.');
  // Only a timer keeps the process; the node's daemons do not.
  setInterval(() => {}, 3_600_000);
}

/** Takes down the nodes that are named, or the only one there is: several may be several people's. */
async function down(names: readonly string[]): Promise<void> {
  const kept = await keptNodes();
  const chosen = names.length > 0 ? kept.filter((facts) => names.includes(facts.name)) : kept;
  if (names.length === 0 && kept.length > 1) {
    console.error(`there are several, name one: ${kept.map((facts) => facts.name).join(' ')}`);
    process.exitCode = 64;
    return;
  }
  for (const facts of chosen) {
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
