#!/usr/bin/env node
import type { Config } from './config/config.ts';
import type { CommandLine } from './config/flags.ts';
import { pino } from 'pino';
import { podwrightVersion } from './app/status.ts';
import { defaultToml } from './config/default-toml.ts';
import { helpText, readCommandLine } from './config/flags.ts';
import { checkConfigFile, loadConfig } from './config/load.ts';
import { CodedError, isKind, messageOf } from './lib/errors.ts';
import { keepHeapSmall } from './lib/heap.ts';
import type { Log } from './lib/log.ts';
import { preferMe } from './linux/priority.ts';
import { sdNotify } from './linux/sd-notify.ts';

// sysexits.h: EX_USAGE and EX_UNAVAILABLE.
const exitUsage = 64;
const exitUnavailable = 69;
const exitFailure = 1;

// Exits by hand: after a failed start there are connections and watchers that would hold the process.
process.exit(await main(process.argv.slice(2)));

/** Does what the command line asks and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let commandLine: CommandLine;
  try {
    commandLine = readCommandLine(args);
  } catch (error) {
    return complain(error);
  }
  switch (commandLine.command) {
    case 'help':
      return print(helpText);
    case 'version':
      return print(`podwright ${podwrightVersion()}\n`);
    case 'configDefault':
      return print(defaultToml());
    case 'configCheck':
      return checkConfigFile(commandLine.file).then(() => print('the configuration is fine\n'), complain);
    case 'check':
      return loadConfig(commandLine.configFile, commandLine.settings).then(check).catch(complain);
    case 'serve': {
      const { configFile, settings, waitMs } = commandLine;
      return loadConfig(configFile, settings).then((config) => serve(config, waitMs), complain);
    }
  }
}

/** Says what is wrong on this machine; 1 when something is. */
async function check(config: Config): Promise<number> {
  const { checkNode } = await import('./app/check/check.ts');
  const findings = await checkNode(config);
  for (const { level, text } of findings) print(`${level.padEnd(6)} ${text}\n`);
  return findings.some(({ level }) => level === 'wrong') ? exitFailure : 0;
}

/** Serves until somebody says stop. */
async function serve(config: Config, waitMs: number): Promise<number> {
  // Synchronous, so that the last line before a crash is there; a pipe or journald takes it without delay.
  const log: Log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }));
  process.on('uncaughtExceptionMonitor', (error) => log.error({ stack: error.stack }, 'podwright crashes'));
  const told = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  log.info({ version: podwrightVersion(), node: process.version, pid: process.pid }, 'podwright starts');
  try {
    keepHeapSmall();
    log.debug({ priority: preferMe() }, 'scheduling');
    // Loaded only now, so that the other commands need neither containerd's protos nor the kernel's calls.
    const { startApp } = await import('./app.ts');
    // Told to stop before it serves, it just goes: what it was doing has to survive a kill -9 anyway.
    const app = await Promise.race([startApp(config, log, { waitMs }), told.then(() => undefined)]);
    if (app !== undefined) sdNotify('READY=1');
    log.info({ signal: await told }, 'podwright stops');
    sdNotify('STOPPING=1');
    await app?.stop();
    return 0;
  } catch (error) {
    // A CodedError says all there is to say; anything else is a bug, and its place matters.
    const stack = error instanceof Error && !(error instanceof CodedError) ? error.stack : undefined;
    log.error({ error: messageOf(error), stack }, 'podwright gives up');
    // INVALID_ARGUMENT is a configuration whose fault only shows in what it names, such as a broken base spec.
    if (isKind(error, 'invalidArgument')) return exitUsage;
    return isKind(error, 'unavailable') ? exitUnavailable : exitFailure;
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(error: unknown): number {
  process.stderr.write(`podwright: ${messageOf(error)}\n`);
  return isKind(error, 'invalidArgument') ? exitUsage : exitFailure;
}
