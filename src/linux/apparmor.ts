import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../lib/errors.ts';
import { isMissingTool, runTool, toolWords } from './tool.ts';

/** The folder that AppArmor's parser includes from. */
const policyFolder = '/etc/apparmor.d';
/** A profile takes a tenth of a second; on a node that has just started, with all that starts there, many times that. */
const parserMs = 30_000;

/** The text of the kernel's list of profiles. */
export async function readApparmorProfiles(): Promise<string> {
  return await readFile('/sys/kernel/security/apparmor/profiles', 'utf8');
}

/** The text of a process's label; undefined where the process has gone. */
export async function readApparmorLabel(pid: number | bigint | 'self'): Promise<string | undefined> {
  // The second is of a kernel before 5.8, or of whichever security module comes first.
  return (await textOf(`/proc/${pid}/attr/apparmor/current`)) ?? (await textOf(`/proc/${pid}/attr/current`));
}

/** Whether a file is there for profiles to include, by its path below /etc/apparmor.d. */
export async function hasApparmorFile(name: string): Promise<boolean> {
  return await access(path.join(policyFolder, name)).then(
    () => true,
    () => false,
  );
}

/**
 * Loads the profiles in a text, in place of those of the same names, by apparmor_parser(8) out of `PATH` or the
 * system's folders of such programs. UNAVAILABLE where there is none; INTERNAL with its words where it fails.
 */
export async function loadApparmorProfiles(text: string, signal: AbortSignal, env = withSystemFolders(process.env)): Promise<void> {
  // A text from standard input is not cached: --skip-cache keeps it from complaining of that.
  const args = ['--replace', '--skip-cache', '--quiet'];
  const end = await runTool('apparmor_parser', args, { input: text, env, signal, timeoutMs: parserMs }).catch((error: unknown) => {
    if (!isMissingTool(error)) throw error;
    throw new CodedError('unavailable', 'there is no apparmor_parser: install the package apparmor', { cause: error });
  });
  if (end.exitCode !== 0) throw new CodedError('internal', toolWords(end));
}

function withSystemFolders(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env['PATH'] ?? ''}:/usr/sbin:/sbin` };
}

async function textOf(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined);
}
