import { readdir } from 'node:fs/promises';

/** What resctrl puts into every group beside the groups themselves. */
const own = ['info', 'mon_data', 'mon_groups'];

/** The RDT classes (control groups of resctrl) that are set up on the host; undefined where resctrl is not mounted. */
export async function rdtClasses(root = '/sys/fs/resctrl'): Promise<string[] | undefined> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  if (!entries.some(({ name }) => name === 'schemata')) return undefined;
  return entries.filter((entry) => entry.isDirectory() && !own.includes(entry.name)).map(({ name }) => name);
}
