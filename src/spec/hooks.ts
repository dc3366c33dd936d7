import { CodedError, messageOf, wrapError } from '../lib/errors.ts';
import { type HookName, hookNames, type OciHook, type OciHooks } from './oci.ts';
import { fieldsOf, flagOf, listOf, numberOf, requiredText, textOf, wrong } from './shape.ts';

/** A hook that containers get under conditions (oci-hooks(5), version 1.0.0, which podman and CRI-O read too). */
export interface HookFile {
  readonly hook: OciHook;
  readonly stages: readonly HookName[];
  /** All of those that are there have to hold, and at least one has to be there. */
  readonly when: {
    readonly always?: boolean;
    readonly hasBindMounts?: boolean;
    /** Each pair of patterns has to match a key and its value. */
    readonly annotations: readonly { readonly key: RegExp; readonly value: RegExp }[];
    /** One of them has to match the program. */
    readonly commands: readonly RegExp[];
  };
}

/** Reads a hook file. invalidArgument with the file and what is wrong in it. */
export function parseHookFile(text: string, path: string): HookFile {
  try {
    return toHookFile(JSON.parse(text));
  } catch (error) {
    if (error instanceof CodedError) throw wrapError(path, error);
    throw new CodedError('invalidArgument', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** What a container is like, as far as hooks ask. */
export interface HookSubject {
  readonly annotations: Readonly<Record<string, string>>;
  readonly program: string;
  readonly hasBindMounts: boolean;
}

/** Whether a hook is for this container. */
export function isHookFor({ when }: HookFile, subject: HookSubject): boolean {
  const conditions = [
    ...(when.always === undefined ? [] : [when.always]),
    ...(when.hasBindMounts === undefined ? [] : [when.hasBindMounts === subject.hasBindMounts]),
    ...when.annotations.map(({ key, value }) =>
      Object.entries(subject.annotations).some(([name, text]) => key.test(name) && value.test(text)),
    ),
    ...(when.commands.length === 0 ? [] : [when.commands.some((command) => command.test(subject.program))]),
  ];
  return conditions.length > 0 && conditions.every(Boolean);
}

/** Hooks with those of the files added, in the files' order. */
export function addHooks(before: OciHooks | undefined, files: readonly HookFile[]): OciHooks {
  return files.reduce<OciHooks>(
    (hooks, { hook, stages }) =>
      stages.reduce<OciHooks>((all, stage) => ({ ...all, [stage]: [...(all[stage] ?? []), hook] }), hooks),
    before ?? {},
  );
}

function toHookFile(document: unknown): HookFile {
  const top = fieldsOf(document, 'the file', ['version', 'hook', 'when', 'stages']);
  if (top['version'] !== '1.0.0') throw wrong('version', `is ${JSON.stringify(top['version'])}: it must be "1.0.0"`);
  const stages = listOf(top['stages'], 'stages', toStage);
  if (stages.length === 0) throw wrong('stages', 'is empty');
  return { hook: toHook(top['hook']), stages, when: toWhen(top['when']) };
}

function toStage(value: unknown, where: string): HookName {
  const stage = hookNames.find((name) => name === value);
  if (stage === undefined) throw wrong(where, `is ${JSON.stringify(value)}: known are ${hookNames.join(', ')}`);
  return stage;
}

function toHook(value: unknown): OciHook {
  const hook = fieldsOf(value, 'hook', ['path', 'args', 'env', 'timeout']);
  const path = requiredText(hook['path'], 'hook.path');
  if (!path.startsWith('/')) throw wrong('hook.path', `is ${JSON.stringify(path)}: it must be an absolute path`);
  const args = listOf(hook['args'], 'hook.args', textOf);
  const env = listOf(hook['env'], 'hook.env', requiredText);
  const timeout = numberOf(hook['timeout'], 'hook.timeout');
  return {
    path,
    ...(args.length === 0 ? {} : { args }),
    ...(env.length === 0 ? {} : { env }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

function toWhen(value: unknown): HookFile['when'] {
  const when = fieldsOf(value, 'when', ['always', 'annotations', 'commands', 'hasBindMounts']);
  const always = flagOf(when['always'], 'when.always');
  const hasBindMounts = flagOf(when['hasBindMounts'], 'when.hasBindMounts');
  const annotations = when['annotations'] ?? {};
  const pairs = Object.entries(fieldsOf(annotations, 'when.annotations', Object.keys(annotations)));
  return {
    ...(always === undefined ? {} : { always }),
    ...(hasBindMounts === undefined ? {} : { hasBindMounts }),
    annotations: pairs.map(([key, text]) => ({
      key: toPattern(key, 'when.annotations'),
      value: toPattern(text, `when.annotations["${key}"]`),
    })),
    commands: listOf(when['commands'], 'when.commands', toPattern),
  };
}

function toPattern(value: unknown, where: string): RegExp {
  const text = textOf(value, where);
  try {
    return new RegExp(text);
  } catch (error) {
    throw wrong(where, `is ${JSON.stringify(text)}: ${messageOf(error)}`);
  }
}
