import { rm, rmdir, unlink } from 'node:fs/promises';
import { removeCgroup } from './cgroups.ts';
import { removeStrays } from './containerd.ts';
import { isWanted, listNodes, type NodeFacts } from './facts.ts';
import { removeRules, removeSharedChains } from './iptables.ts';
import { removeLogLinks, restoreTunables } from './kubelet.ts';
import { removeMounts } from './mounts.ts';
import { removeLinks } from './network.ts';
import { killProcesses } from './processes.ts';

/**
 * Removes a node and everything it made, whatever state it is in and whoever made it. May be called again
 * after it was cut off: the folder, which tells what there is to remove, goes last.
 */
export async function removeNode(facts: NodeFacts): Promise<void> {
  // Whatever could make more goes first, and mounts before the folder, or their content would go with it.
  await killProcesses(facts);
  await removeMounts(facts);
  await removeLinks(facts);
  await removeRules(facts);
  await removeCgroup(facts);
  await removeStrays(facts);
  await removeLogLinks(facts);
  const others = (await listNodes()).filter((node) => node.root !== facts.root && isWanted(node));
  if (others.length === 0) {
    await removeSharedChains(facts);
    await restoreTunables(facts.machineBefore.sysctls);
    // A folder that is in use after all is not empty, and stays.
    for (const place of facts.machineBefore.missing) await rmdir(place).catch(() => unlink(place)).catch(() => {});
  }
  await rm(facts.root, { recursive: true, force: true, maxRetries: 5 });
}

/** Removes every node whose owner died without doing so. Returns their names. */
export async function sweepNodes(): Promise<string[]> {
  const abandoned = (await listNodes()).filter((facts) => !isWanted(facts));
  for (const facts of abandoned) await removeNode(facts);
  return abandoned.map((facts) => facts.name);
}
