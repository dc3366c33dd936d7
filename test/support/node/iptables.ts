import type { NodeFacts } from './facts.ts';
import { inNetwork } from './network.ts';
import { tryRun } from './run.ts';

interface Rule {
  readonly table: string;
  readonly chain: string;
  /** As iptables-save writes it: `-A CHAIN ...`. */
  readonly text: string;
}

/** Chains that the CNI plugins make once for all networks and never remove. */
const sharedChains = ['CNI-FORWARD', 'CNI-ADMIN', 'CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-SETMARK', 'CNI-HOSTPORT-MASQ'];
const isPodChain = (chain: string): boolean => /^CNI-(DN-)?[0-9a-f]{16,}$/.test(chain);

/** The rules of a node's own network, or the machine's. */
async function listRules(facts?: NodeFacts): Promise<Rule[]> {
  const { stdout } = await (facts === undefined ? tryRun('iptables-save', []) : tryRun(...inNetwork(facts, 'iptables-save')));
  const rules: Rule[] = [];
  let table = '';
  for (const line of stdout.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const chain = /^-A (\S+) /.exec(line)?.[1];
    if (chain !== undefined) rules.push({ table, chain, text: line });
  }
  return rules;
}

function targetOf(rule: Rule): string | undefined {
  return / -[jg] (\S+)/.exec(rule.text)?.[1];
}

/** Rules that CNI plugins made for the Pods of a node: they name its network, or an address of its subnet. */
export async function findRules(facts: NodeFacts): Promise<string[]> {
  return (await rulesOf(facts)).map((rule) => `${rule.table}: ${rule.text}`);
}

async function rulesOf(facts: NodeFacts): Promise<Rule[]> {
  // kube-proxy's name the subnet too, and are its own affair.
  const rules = (await listRules(facts)).filter((rule) => !rule.chain.startsWith('KUBE-'));
  const named = rules.filter((rule) => rule.text.includes(`${facts.name}\\"`) || rule.text.includes(` ${facts.subnet}.`));
  const chains = new Set(named.flatMap((rule) => [rule.chain, targetOf(rule) ?? '']).filter(isPodChain));
  return rules.filter((rule) => named.includes(rule) || chains.has(rule.chain));
}

/** The shared chains that there are. */
export async function findSharedChains(): Promise<string[]> {
  const { stdout } = await tryRun('iptables-save', []);
  const found = [...stdout.matchAll(/^:(\S+) /gm)].map((match) => match[1] ?? '');
  return sharedChains.filter((chain) => found.includes(chain));
}

/** Removes the rules and chains of a node's Pods. Those in a network of its own go with that. */
export async function removeRules(facts: NodeFacts): Promise<void> {
  if (facts.network !== undefined) return;
  await remove(() => rulesOf(facts), isPodChain);
}

/**
 * Removes the shared chains when the test nodes brought them and nobody uses them any more. To be called
 * for the last node only: another one may be about to use them.
 */
export async function removeSharedChains(facts: NodeFacts): Promise<void> {
  const rules = await listRules();
  const inUse = rules.some(
    (rule) => isPodChain(rule.chain) || (rule.chain === 'CNI-FORWARD' && targetOf(rule) !== 'CNI-ADMIN'),
  );
  const ours = (await findSharedChains()).filter((chain) => !facts.machineBefore.sharedChains.includes(chain));
  if (inUse || ours.length === 0) return;
  const isOurs = (chain: string): boolean => ours.includes(chain);
  await remove(
    async () => (await listRules()).filter((rule) => isOurs(rule.chain) || isOurs(targetOf(rule) ?? '')),
    isOurs,
  );
}

/** Deletes the rules found, then the chains among them that match; again when others changed rules meanwhile. */
async function remove(find: () => Promise<Rule[]>, isChain: (chain: string) => boolean): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const rules = await find();
    if (rules.length === 0) return;
    const script = [...new Set(rules.map((rule) => rule.table))].map((table) => {
      const here = rules.filter((rule) => rule.table === table);
      const chains = new Set(here.flatMap((rule) => [rule.chain, targetOf(rule) ?? '']).filter(isChain));
      return [
        `*${table}`,
        ...here.map((rule) => rule.text.replace(/^-A/, '-D')),
        ...[...chains].map((chain) => `-X ${chain}`),
        'COMMIT\n',
      ].join('\n');
    });
    await tryRun('iptables-restore', ['--wait', '--noflush'], { input: script.join('') });
  }
}
