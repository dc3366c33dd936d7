/** A value the configuration can hold. */
export type Value = string | number | boolean | readonly string[];

/** One key: its default, what it may be, and what `podwright config default` says of it. */
export interface Key<T extends Value> {
  readonly kind: 'key';
  readonly default: T;
  readonly comment: string;
  /** Says what the value must be, where it is not that. */
  readonly check: (value: T) => string | undefined;
}

/** A TOML table: `[name]`. */
export interface Table<T> {
  readonly kind: 'table';
  readonly comment: string;
  readonly nodes: Nodes<T>;
}

/** Tables whose names the user chooses, written in their parent's place: `[runtimes.NAME]` for `runtimes.handlers`. */
export interface Entries<T> {
  readonly kind: 'entries';
  readonly comment: string;
  readonly entry: Nodes<T>;
  /** The entries there are without any configuration. */
  readonly names: readonly string[];
  /** Says what a name must be, where it is not that. */
  readonly checkName: (name: string) => string | undefined;
}

/** What describes a value of type T. */
export type NodeOf<T> = T extends string
  ? Key<string>
  : T extends number
    ? Key<number>
    : T extends boolean
      ? Key<boolean>
      : T extends readonly string[]
        ? Key<readonly string[]>
        : string extends keyof T
          ? Entries<T[keyof T]>
          : Table<T>;

/** A description of each property of T. */
export type Nodes<T> = { readonly [Name in keyof T]-?: NodeOf<T[Name]> };

/** Any node, for the code that walks the tree without knowing what it configures. */
export type AnyNode = Key<string> | Key<number> | Key<boolean> | Key<readonly string[]> | AnyTable | AnyEntries;
export type AnyNodes = Readonly<Record<string, AnyNode>>;
export interface AnyTable {
  readonly kind: 'table';
  readonly comment: string;
  readonly nodes: AnyNodes;
}
export interface AnyEntries {
  readonly kind: 'entries';
  readonly comment: string;
  readonly entry: AnyNodes;
  readonly names: readonly string[];
  readonly checkName: (name: string) => string | undefined;
}

/** A key that holds a string. */
export function text(value: string, comment: string, check: Key<string>['check']): Key<string> {
  return { kind: 'key', default: value, comment, check };
}

/** A key that holds a whole number. */
export function integer(value: number, comment: string, check: Key<number>['check']): Key<number> {
  return { kind: 'key', default: value, comment, check };
}

/** A key that holds true or false. */
export function flag(value: boolean, comment: string): Key<boolean> {
  return { kind: 'key', default: value, comment, check: () => undefined };
}

/** A key that holds a list of strings. */
export function list(
  value: readonly string[],
  comment: string,
  check: Key<readonly string[]>['check'],
): Key<readonly string[]> {
  return { kind: 'key', default: value, comment, check };
}

/** A table of such. */
export function table<N>(comment: string, nodes: N): { readonly kind: 'table'; readonly comment: string; readonly nodes: N } {
  return { kind: 'table', comment, nodes };
}

/** The name a property has in TOML: `confDir` is `conf_dir`, while containerd's own `BinaryName` stays. */
export function tomlName(name: string): string {
  return /^[A-Z]/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
