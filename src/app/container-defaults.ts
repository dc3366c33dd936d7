import { access, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import { readUlimit } from '../config/ulimits.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { ContainerDefaults } from '../spec/container-defaults.ts';

/** What `[containers]` gives to every container; invalidArgument for a time zone that the host does not know. */
export async function containerDefaults({ containers }: Config): Promise<ContainerDefaults> {
  const localtime = await localtimeOf(containers.timezone);
  return {
    env: containers.defaultEnv,
    rlimits: containers.defaultUlimits.flatMap((text) => {
      const limit = readUlimit(text);
      return typeof limit === 'string' ? [] : [limit];
    }),
    pidsLimit: containers.pidsLimit,
    ownDevices: containers.deviceOwnershipFromSecurityContext,
    ...(localtime === undefined ? {} : { localtime }),
  };
}

async function localtimeOf(timezone: string): Promise<string | undefined> {
  if (timezone === '') return undefined;
  const file = timezone === 'local' ? '/etc/localtime' : path.join('/usr/share/zoneinfo', timezone);
  try {
    const real = await realpath(file);
    await access(real);
    return real;
  } catch (error) {
    throw new CodedError('invalidArgument', `containers.timezone is ${JSON.stringify(timezone)}: ${messageOf(error)}`, { cause: error });
  }
}
