import { errnoOf } from '../lib/errors.ts';
import { getSocketOption, setSocketOption } from './libc.ts';

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SOL_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_INFO = 11;
const TCP_RTO_MAX_MS = 44;
/** As much of struct tcp_info as is looked at; the kernel only ever adds to its end. */
const infoBytes = 64;

/** What the kernel knows of the other end of a TCP connection. */
export interface TcpPeer {
  /** The connection has ended, also when nobody has read that yet. */
  readonly isClosed: boolean;
  /** Packets on their way that nobody has acknowledged. */
  readonly unacknowledged: number;
  /** How often the oldest of them, or a question to a peer without room, has been sent again without an answer. */
  readonly repeats: number;
  /** How long ago it acknowledged anything, ms. */
  readonly silentMs: number;
}

/**
 * Has the kernel ask a peer each second whether it is there, also while neither end has something to say, and give it up
 * after three questions without an answer. Where the kernel can (6.15), packets too are sent again each second.
 */
export function askPeerOften(fd: number): void {
  setSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setSocketOption(fd, SOL_TCP, TCP_KEEPIDLE, 1);
  setSocketOption(fd, SOL_TCP, TCP_KEEPINTVL, 1);
  setSocketOption(fd, SOL_TCP, TCP_KEEPCNT, 3);
  try {
    setSocketOption(fd, SOL_TCP, TCP_RTO_MAX_MS, 1000);
  } catch (error) {
    if (errnoOf(error) !== 'ENOPROTOOPT') throw error;
  }
}

/** What the kernel knows of the peer of a TCP socket. */
export function tcpPeer(fd: number): TcpPeer {
  return parseTcpInfo(getSocketOption(fd, SOL_TCP, TCP_INFO, infoBytes));
}

/** Takes struct tcp_info apart (linux/tcp.h). */
export function parseTcpInfo(info: Uint8Array): TcpPeer {
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const number = (at: number): number => view.getUint32(at, true);
  const [state, retransmits, probes] = [view.getUint8(0), view.getUint8(2), view.getUint8(3)];
  return { isClosed: state === tcpClose, unacknowledged: number(24), repeats: Math.max(retransmits, probes), silentMs: number(56) };
}

const tcpClose = 7;

/**
 * Whether a peer is out of reach: it has answered nothing for three seconds though it was asked more than once. One
 * that has no room answers, however long that lasts, and is not.
 */
export function isOutOfReach({ isClosed, repeats, silentMs }: TcpPeer): boolean {
  return isClosed || (repeats >= 2 && silentMs >= 3000);
}
