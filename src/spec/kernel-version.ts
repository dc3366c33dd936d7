/** Whether a kernel release (`6.1.0-13-amd64`) is `wanted` (`4.8`) or newer, by major and minor number. */
export function isKernelAtLeast(release: string, wanted: string): boolean {
  const [major, minor] = majorMinor(release);
  const [wantedMajor, wantedMinor] = majorMinor(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function majorMinor(release: string): [number, number] {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/u.exec(release) ?? [];
  return [Number(major), Number(minor)];
}
