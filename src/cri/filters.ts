/** The filters of the CRI's List and Stream RPCs: every part given has to fit, and none given fits all. */

/** Whether `labels` has every entry of the selector, exactly. */
export function labelsFit(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Whether an id is the one asked for or begins with it; an empty filter fits every id. */
export function idFits(id: string, wanted: string | undefined): boolean {
  return wanted === undefined || wanted === '' || id.startsWith(wanted);
}
