// Says why npm packages are to be installed in the folder where it runs, or nothing where all are there. By what is
// there and not by age: a fresh checkout's lock is younger than every install, and "npm prune" is younger than the lock.
import { existsSync, readFileSync } from 'node:fs';

const reason = due();
if (reason !== undefined) console.log(reason);

function due() {
  if (!existsSync('node_modules/.package-lock.json')) return 'nothing is installed';
  const wanted = packagesOf('package-lock.json');
  const installed = packagesOf('node_modules/.package-lock.json');
  for (const [place, { version, optional }] of Object.entries(wanted)) {
    if (place === '') continue;
    const found = installed[place];
    // What is optional may be for another machine.
    if (found === undefined && optional) continue;
    if (found?.version !== version) return `${place} is ${found?.version ?? 'not there'} and should be ${version}`;
    if (!existsSync(`${place}/package.json`)) return `${place} is not there`;
  }
  return undefined;
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
