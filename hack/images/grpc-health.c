/*
 * grpc-health PORT FILE: answers every gRPC call as a grpc.health.v1 server does, SERVING while FILE is there and
 * NOT_SERVING while it is not. Of HTTP/2 (RFC 9113) it knows what a client that makes one call needs.
 */
#include "server.h"

#include <string.h>

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4 };

static void read_all(int connection, unsigned char *into, size_t length) {
  while (length > 0) {
    ssize_t got = read(connection, into, length);
    if (got <= 0) _exit(0);
    into += got;
    length -= (size_t)got;
  }
}

static void write_frame(int connection, int type, int flags, const unsigned char stream[4], const char *payload, size_t length) {
  unsigned char frame[128] = {0, 0, (unsigned char)length, (unsigned char)type, (unsigned char)flags};
  if (length > sizeof frame - 9) _exit(1);
  memcpy(frame + 5, stream, 4);
  if (length > 0) memcpy(frame + 9, payload, length);
  if (write(connection, frame, 9 + length) < 0) _exit(0);
}

static void answer(int connection, const unsigned char stream[4], const char *file) {
  /* HPACK (RFC 7541): ":status: 200" and the name "content-type" are in its table, the rest is spelt out. */
  static const char head[] = "\x88\x5f\x10" "application/grpc";
  static const char trailer[] = "\x40\x0b" "grpc-status" "\x01" "0";
  /* Not compressed, two bytes long: field 1 of HealthCheckResponse. */
  const char serving[] = {0, 0, 0, 0, 2, 8, access(file, F_OK) == 0 ? 1 : 2};
  write_frame(connection, HEADERS, END_HEADERS, stream, head, sizeof head - 1);
  write_frame(connection, DATA, 0, stream, serving, sizeof serving);
  write_frame(connection, HEADERS, END_HEADERS | END_STREAM, stream, trailer, sizeof trailer - 1);
}

static void serve(int connection, const char *file) {
  static const unsigned char whole_connection[4] = {0};
  unsigned char head[24], payload[1 << 16];
  /* The client's preface. */
  read_all(connection, head, 24);
  write_frame(connection, SETTINGS, 0, whole_connection, NULL, 0);
  for (;;) {
    read_all(connection, head, 9);
    size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    int type = head[3], flags = head[4];
    if (length > sizeof payload) return;
    read_all(connection, payload, length);
    if (type == SETTINGS && !(flags & ACK)) write_frame(connection, SETTINGS, ACK, whole_connection, NULL, 0);
    if (type == PING && !(flags & ACK)) write_frame(connection, PING, ACK, whole_connection, (char *)payload, length);
    if ((type == DATA || type == HEADERS) && (flags & END_STREAM)) answer(connection, head + 5, file);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s PORT FILE\n", argv[0]);
    return 64;
  }
  end_when_told();
  signal(SIGCHLD, SIG_IGN);
  int listener = listen_on(argv[1]);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    if (fork() == 0) {
      serve(connection, argv[2]);
      _exit(0);
    }
    close(connection);
  }
}
