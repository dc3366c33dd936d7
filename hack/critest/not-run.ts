/** A spec that does not run, and why. */
export interface NotRun {
  readonly spec: string;
  readonly reason: string;
  /** Left out by us; otherwise it skips itself where something is missing. */
  readonly isOurChoice: boolean;
}

const sections: Readonly<Record<string, { readonly isOurChoice: boolean }>> = {
  'Left out': { isOurChoice: true },
  'Skipped by critest itself': { isOurChoice: false },
};

/** How many specs critest has by docs/conformance.md, so that none goes missing unseen. */
export function parseSpecCount(markdown: string): number {
  const [, count] = /^critest has (\d+) specs\b/m.exec(markdown) ?? [];
  if (count === undefined) throw new Error('nothing says how many specs critest has');
  return Number(count);
}

/**
 * Reads the list of specs that do not run out of docs/conformance.md: in the sections named above, each heading
 * below is followed by the reason and then by the specs, one a line as "- `name`".
 */
export function parseNotRun(markdown: string): NotRun[] {
  const found: NotRun[] = [];
  let section: { readonly isOurChoice: boolean } | undefined;
  let reason: string[] = [];
  for (const line of markdown.split('\n')) {
    const [, level = '', title = ''] = /^(##+) (.*)$/.exec(line) ?? [];
    const [, spec] = /^- `(.+)`$/.exec(line) ?? [];
    if (level !== '') {
      if (level === '##') section = sections[title];
      reason = [];
    } else if (section === undefined || line === '') {
      continue;
    } else if (spec === undefined) {
      reason.push(line);
    } else {
      if (reason.length === 0) throw new Error(`the spec "${spec}" is listed as not run without a reason`);
      found.push({ spec, reason: reason.join(' '), ...section });
    }
  }
  return found;
}
