import { close, ioctl, socket } from './libc.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 0x1;

/** Brings `lo` up in the calling thread's network namespace; addresses come with it. Saves running CNI's plugin. */
export function bringLoopbackUp(): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    const request = Buffer.alloc(40); // struct ifreq: the name in 16 bytes, then a union that starts with the flags
    request.write('lo');
    ioctl(fd, SIOCGIFFLAGS, request);
    request.writeUInt16LE(request.readUInt16LE(16) | IFF_UP, 16);
    ioctl(fd, SIOCSIFFLAGS, request);
  } finally {
    close(fd);
  }
}
