import type { NotRun } from './not-run.ts';

/** What became of one spec. */
export interface Spec {
  readonly name: string;
  readonly state: string;
  /** What it says of its failure, or of why it skipped itself. */
  readonly message: string;
  readonly attempts: number;
  /** The name of what it stands in: specs of one group may need those before them. */
  readonly group: string;
}

/** The fields used of ginkgo's JSON report (types.Report of ginkgo v2). */
interface SuiteReport {
  readonly SpecReports: readonly {
    readonly ContainerHierarchyTexts: readonly string[] | null;
    readonly LeafNodeType: string;
    readonly LeafNodeText: string;
    readonly State: string;
    readonly NumAttempts?: number;
    readonly Failure?: { readonly Message?: string };
  }[];
}

/** Reads ginkgo's JSON report: every spec of the suite, run or not. */
export function parseReport(json: string): Spec[] {
  return (JSON.parse(json) as SuiteReport[])
    .flatMap((suite) => suite.SpecReports)
    .filter((spec) => spec.LeafNodeType === 'It')
    .map((spec) => ({
      // As ginkgo itself puts names together, for --focus and --skip.
      name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].filter((text) => text !== '').join(' '),
      group: (spec.ContainerHierarchyTexts ?? []).filter((text) => text !== '').join(' '),
      state: spec.State,
      message: spec.Failure?.Message ?? '',
      attempts: spec.NumAttempts ?? 1,
    }));
}

/** A regular expression for ginkgo that matches the spec of this name: the suite's own name comes before it. */
export function toPattern(name: string): string {
  return ` ${name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;
}

/** What is wrong with a run, a line each; nothing when all specs passed but those listed as not run. */
export function judge(
  specs: readonly Spec[],
  notRun: readonly NotRun[],
  { listPath, isWhole, count = 0 }: { readonly listPath: string; readonly isWhole: boolean; /** How many there are at least. */ readonly count?: number },
): string[] {
  const listed = new Set(notRun.map(({ spec }) => spec));
  const known = new Set(specs.map(({ name }) => name));
  const [ran, others] = [specs.filter((spec) => !isSkipped(spec)), specs.filter(isSkipped)];
  const complaints = ran.filter(({ state }) => state !== 'passed').map(({ name, state }) => `${state}: ${name}`);
  // Of part of the specs nothing can be said about the rest, but that there has to be one.
  if (!isWhole) return ran.length === 0 ? ['no spec ran'] : complaints;
  const unlisted = others.filter(({ name }) => !listed.has(name));
  return [
    ...complaints,
    ...(known.size < count ? [`critest has ${known.size} specs, and ${listPath} speaks of ${count}`] : []),
    ...unlisted.map(({ name, message }) => `did not run and is not in ${listPath}: ${name}${message && ` (${message})`}`),
    ...[...listed].filter((name) => !known.has(name)).map((name) => `is in ${listPath} and critest has no such spec: ${name}`),
  ];
}

function isSkipped({ state }: Spec): boolean {
  return state === 'skipped' || state === 'pending';
}
