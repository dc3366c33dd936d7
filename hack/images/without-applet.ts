/**
 * A busybox without one of its applets. Debian's shell runs an applet whatever the file system has under its
 * name; that of the busybox images people use runs the file, and some tests are about what happens to it.
 *
 * The applet's name in the program's list is changed into one that nobody calls and that sorts the same,
 * because names are looked up in order.
 */
export function withoutApplet(busybox: Buffer, applet: string): Buffer {
  const name = Buffer.from(`\0${applet}\0`, 'latin1');
  const at = busybox.indexOf(name);
  if (at < 0 || busybox.indexOf(name, at + 1) >= 0) throw new Error(`busybox has not one place with the applet's name "${applet}"`);

  const unused = applet.slice(0, -1) + String.fromCharCode(applet.charCodeAt(applet.length - 1) - 1);
  const before = busybox.toString('latin1', busybox.lastIndexOf(0, at - 1) + 1, at);
  if (!(before < unused)) throw new Error(`busybox's applet "${before}" would no longer come before "${unused}"`);
  const changed = Buffer.from(busybox);
  changed.write(unused, at + 1, 'latin1');
  return changed;
}
