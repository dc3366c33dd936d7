import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listNodes, type NodeFacts } from '../../test/support/node/facts.ts';
import type { TempNode } from '../../test/support/temp-node.ts';

const crictlConfig = (facts: NodeFacts): string => path.join(facts.root, 'demo-crictl.yaml');

/** The demonstrations that were left running; the file that crictl is pointed to tells them from other nodes. */
export async function keptDemos(): Promise<NodeFacts[]> {
  return (await listNodes()).filter((facts) => facts.owner === null && existsSync(crictlConfig(facts)));
}

/** Leaves a demonstration running. */
export async function keepDemo(node: TempNode): Promise<void> {
  const endpoint = `unix://${node.facts.criSocket}`;
  const config = { 'runtime-endpoint': endpoint, 'image-endpoint': endpoint, timeout: 60 };
  // JSON is YAML.
  await writeFile(crictlConfig(node.facts), `${JSON.stringify(config, undefined, 2)}\n`);
  await node.keep();
}

/** What to type to play with a demonstration. */
export function instructions(facts: NodeFacts): string {
  return [
    `export PATH=${facts.toolsPath.join(':')}:$PATH`,
    `export CRI_CONFIG_FILE=${crictlConfig(facts)}`,
    '',
    'crictl pods',
    'crictl ps -a',
    'crictl logs -f $(crictl ps -q --name reader)',
    'crictl exec -s $(crictl ps -q --name web) ls -l /site',
    'crictl stats',
    '',
    `static Pods:     ${path.join(facts.root, 'k/manifests')} (a manifest put there runs, taken away it ends)`,
    `podwright's log: ${path.join(facts.root, 'p/podwright.log')}`,
  ].join('\n');
}
