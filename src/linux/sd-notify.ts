import { close, sendto, socket } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/**
 * Tells the service manager `state` (`READY=1`, `STOPPING=1`, `STATUS=…`; sd_notify(3)). Does nothing where
 * none asked for it, and nothing when it cannot be reached: a daemon must not fail over its manager.
 */
export function sdNotify(state: string, socketPath: string | undefined = process.env['NOTIFY_SOCKET']): void {
  if (socketPath === undefined || !/^[/@]/.test(socketPath)) return;
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    sendto(fd, Buffer.from(state), unixAddress(socketPath));
  } catch {
    // Nobody listens; there is nobody to tell.
  } finally {
    close(fd);
  }
}

// struct sockaddr_un: the family, then the path; a first `@` stands for the 0 byte of an abstract name.
function unixAddress(socketPath: string): Buffer {
  const name = Buffer.from(socketPath);
  if (name[0] === 0x40) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (name[0] === 0 ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
