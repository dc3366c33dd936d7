import type { Spec } from '../critest/report.ts';

export type RuntimeName = 'podwright' | 'containerd';

/** How a spec may end; `either` is for one that cannot make up its mind. */
type Ending = 'passes' | 'fails' | 'skips' | 'either';

/** A spec that does not pass everywhere, and why. */
export interface Expectation {
  readonly spec: string;
  readonly reason: string;
  readonly endings: Readonly<Record<RuntimeName, Ending>>;
}

const section = "Kubernetes' node suite";

/**
 * Reads the specs that do not pass out of docs/conformance.md: in the section of that name each heading is followed
 * by the reason and a table of specs, with a column for each runtime.
 */
export function parseExpectations(markdown: string): Expectation[] {
  const found: Expectation[] = [];
  let isInside = false;
  let reason: string[] = [];
  for (const line of markdown.split('\n')) {
    const [, level = '', title = ''] = /^(##+) (.*)$/.exec(line) ?? [];
    const [, spec, podwright, containerd] = /^\| `(.+)` \| (\w+) \| (\w+) \|$/.exec(line) ?? [];
    if (level !== '') {
      if (level === '##') isInside = title === section;
      reason = [];
    } else if (!isInside || line === '' || /^\|( spec |-)/.test(line)) {
      continue;
    } else if (spec === undefined) {
      if (line.startsWith('|')) throw new Error(`this is no row of a spec and its two endings: ${line}`);
      reason.push(line);
    } else {
      if (reason.length === 0) throw new Error(`the spec "${spec}" is listed without a reason`);
      found.push({ spec, reason: reason.join(' '), endings: { podwright: toEnding(podwright), containerd: toEnding(containerd) } });
    }
  }
  return found;
}

function toEnding(word: string | undefined): Ending {
  if (word === 'passes' || word === 'fails' || word === 'skips' || word === 'either') return word;
  throw new Error(`a spec "passes", "fails", "skips", or does "either", and not "${word}"`);
}

/** What is wrong with a run, a line each; nothing when every spec ended as it is listed, or else passed. */
export function judgeSuite(run: {
  readonly specs: readonly Spec[];
  readonly chosen: readonly string[];
  readonly all: readonly string[];
  readonly expectations: readonly Expectation[];
  readonly runtime: RuntimeName;
  readonly listPath: string;
}): string[] {
  const expected = new Map(run.expectations.map(({ spec, endings }) => [spec, endings[run.runtime]]));
  const ran = new Set(run.specs.map(({ name }) => name));
  const known = new Set(run.all);
  return [
    ...run.specs.flatMap(({ name, state }) => {
      const ending = toEndingOf(state);
      const wanted = expected.get(name) ?? 'passes';
      return ending === wanted || wanted === 'either' ? [] : [`${ending} and ${wanted} in ${run.listPath}: ${name}`];
    }),
    ...run.chosen.filter((name) => !ran.has(name)).map((name) => `did not run: ${name}`),
    ...[...expected.keys()].filter((name) => !known.has(name)).map((name) => `is in ${run.listPath} and the suite has no such spec: ${name}`),
  ];
}

function toEndingOf(state: string): Ending {
  if (state === 'passed') return 'passes';
  return state === 'skipped' || state === 'pending' ? 'skips' : 'fails';
}
