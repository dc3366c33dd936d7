import type { Config } from '../config/config.ts';
import type { Log } from '../lib/log.ts';
import type { Parts } from '../pod/parts.ts';
import { FolderFiles } from '../pod/folder-files.ts';
import { parseCdiFile } from '../spec/cdi-file.ts';
import { parseHookFile } from '../spec/hooks.ts';

/** The files that vendors and admins put on the node for containers: CDI specs and hooks. */
export function nodeFiles(config: Config, log: Log): Pick<Parts, 'cdiFiles' | 'hookFiles'> {
  return {
    cdiFiles: new FolderFiles({
      folders: config.cdi.specDirs,
      isWanted: (name) => /\.(json|yaml)$/.test(name),
      parse: parseCdiFile,
      log,
    }),
    hookFiles: new FolderFiles({
      folders: config.containers.hooksDirs,
      isWanted: (name) => name.endsWith('.json'),
      parse: parseHookFile,
      log,
    }),
  };
}
