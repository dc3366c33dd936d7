/**
 * What a request is about, for the log: the ids and names in it and nothing else, since requests carry
 * environment variables and registry credentials.
 */
export function requestIds(request: object): Record<string, string> {
  const ids: Record<string, string> = {};
  put(ids, 'podSandboxId', at(request, 'podSandboxId'));
  put(ids, 'containerId', at(request, 'containerId'));
  const metadata = at(request, 'config', 'metadata');
  const name = at(metadata, 'name');
  const namespace = at(metadata, 'namespace');
  // A pod's metadata has a namespace, a container's has none.
  if (typeof namespace === 'string') put(ids, 'pod', `${namespace}/${String(name)}`);
  else put(ids, 'container', name);
  const image = at(request, 'image', 'image');
  // A reference has no scheme; what has one may carry a user and a password too.
  if (typeof image === 'string' && !image.includes('://')) put(ids, 'image', image);
  return ids;
}

const maxLength = 256;

function put(ids: Record<string, string>, key: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') ids[key] = value.slice(0, maxLength);
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
