import { invalidField } from '../lib/errors.ts';
import type { OciIntelRdt } from './oci.ts';

type Annotations = Readonly<Record<string, string>>;

interface Asked {
  /** Where it was asked, as a path of the request. */
  readonly field: string;
  readonly name: string;
}

/** Who asks for a class of RDT or block I/O. */
export interface ClassSubject {
  readonly containerName: string;
  readonly annotations: Annotations;
  readonly podAnnotations: Annotations;
}

/** The names that a container's class goes by in annotations, the first found counting (intel/goresctrl). */
function classOf(kind: 'rdt' | 'blockio', subject: ClassSubject): Asked | undefined {
  const ofPod = "the Pod's config.annotations";
  const places: [Annotations, string, string][] = [
    [subject.annotations, 'config.annotations', `io.kubernetes.cri.${kind}-class`],
    [subject.podAnnotations, ofPod, `${kind}.resources.beta.kubernetes.io/container.${subject.containerName}`],
    [subject.podAnnotations, ofPod, `${kind}.resources.beta.kubernetes.io/pod`],
  ];
  for (const [annotations, where, key] of places) {
    const name = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    if (name !== undefined) return name === '' ? undefined : { field: `${where}["${key}"]`, name };
  }
  return undefined;
}

/** Whether a container asks for an RDT class, so that those of the host have to be known for `intelRdt`. */
export function asksForRdt(subject: ClassSubject): boolean {
  return classOf('rdt', subject) !== undefined;
}

/**
 * OCI `linux.intelRdt` for the RDT class that annotations name: one of `classes`, the groups there are in resctrl
 * (undefined where the host has none), since a class nobody has set up limits nothing. invalidArgument for others.
 */
export function intelRdt(subject: ClassSubject, classes: readonly string[] | undefined): OciIntelRdt | undefined {
  const asked = classOf('rdt', subject);
  if (asked === undefined) return undefined;
  const { field } = asked;
  if (classes === undefined) throw invalidField(field, asked.name, 'this host has no RDT classes: resctrl is not mounted');
  if (!classes.includes(asked.name)) {
    throw invalidField(field, asked.name, `no such class in /sys/fs/resctrl; there are ${classes.join(', ') || 'none'}`);
  }
  return { closID: asked.name };
}

/** invalidArgument where annotations name a block I/O class: what a class means is not configurable here. */
export function refuseBlockIoClass(subject: ClassSubject): void {
  const asked = classOf('blockio', subject);
  if (asked === undefined) return;
  throw invalidField(asked.field, asked.name, 'podwright has no block I/O classes; limit I/O with the unified io.* keys');
}
