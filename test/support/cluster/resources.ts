/** What every object of the API has. */
export interface Resource {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Whether a Node takes Pods. */
export function isReadyNode(node: Resource): boolean {
  return isTrue(node, 'Ready');
}

/** Whether a condition holds; one that is not told does not. */
export function isTrue({ status }: Resource, condition: string): boolean {
  return status?.conditions?.some(({ type, status: holds }) => type === condition && holds === 'True') ?? false;
}
