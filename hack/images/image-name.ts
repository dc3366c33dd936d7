/** A full image name taken apart: `registry.k8s.io/pause:3.10.2`. Short names are not understood here. */
export interface ImageName {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

/** Takes a full name with a tag apart. */
export function parseImageName(name: string): ImageName {
  const match = /^([^/]+)\/(.+):([^:/]+)$/.exec(name);
  const [, host, repository, tag] = match ?? [];
  if (host === undefined || repository === undefined || tag === undefined) {
    throw new Error(`image name "${name}" is not HOST/REPOSITORY:TAG`);
  }
  return { host, repository, tag };
}
