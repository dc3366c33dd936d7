/*
 * web PORT [PID-FILE [WORDS...]]: answers every HTTP request with "hello" until it is told to end. The words
 * do nothing: they are there to be read in the process list, where some look for those of a well-known server.
 */
#include "server.h"

#include <string.h>
#include <sys/time.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";

static void write_pid(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) fail(path);
  fprintf(file, "%d\n", (int)getpid());
  if (fclose(file) != 0) fail(path);
}

/* Reads up to the empty line after the headers: closing on what is unread would reset the connection. */
static int read_request(int connection) {
  char request[8192];
  size_t length = 0;
  while (length < sizeof request - 1) {
    ssize_t got = read(connection, request + length, sizeof request - 1 - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    request[length] = '\0';
    if (strstr(request, "\r\n\r\n") != NULL) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  /* One who connects and says nothing must not keep the others waiting for long. */
  const struct timeval patience = {.tv_sec = 2};
  if (argc < 2) {
    fprintf(stderr, "usage: %s PORT [PID-FILE [WORDS...]]\n", argv[0]);
    return 64;
  }
  end_when_told();
  int listener = listen_on(argv[1]);
  if (argc > 2) write_pid(argv[2]);
  printf("%s: listening on port %s\n", argv[0], argv[1]);
  fflush(stdout);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (read_request(connection) && write(connection, answer, sizeof answer - 1) < 0) perror("write");
    close(connection);
  }
}
