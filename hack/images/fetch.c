/*
 * curl as far as somebody needs it: `fetch [OPTION...] http://ADDRESS:PORT/PATH` prints what is there. The options are
 * not looked at. Debian's busybox has a wget, which, being static, dies of looking the address up.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static char answer[1 << 20];

static int talk(const char *address, unsigned short port, const char *path) {
  const struct timeval patience = {.tv_sec = 15};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  size_t length = 0;
  if (connection < 0 || inet_pton(AF_INET, address, &server.sin_addr) != 1) return 6;
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(connection, (struct sockaddr *)&server, sizeof server) != 0) return 7;
  /* 1.0, or the answer might come in chunks. */
  dprintf(connection, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, address);
  while (length < sizeof answer - 1) {
    ssize_t got = read(connection, answer + length, sizeof answer - 1 - length);
    if (got < 0) return 28;
    if (got == 0) break;
    length += (size_t)got;
  }
  const char *body = strstr(answer, "\r\n\r\n");
  if (body == NULL) return 52;
  fwrite(body + 4, 1, length - (size_t)(body + 4 - answer), stdout);
  return 0;
}

int main(int argc, char **argv) {
  char address[64], path[1024] = "/";
  unsigned short port = 80;
  const char *url = argv[argc - 1];
  if (sscanf(url, "http://%63[0-9.]:%hu%1023s", address, &port, path) < 2 &&
      sscanf(url, "http://%63[0-9.]%1023s", address, path) < 1) {
    fprintf(stderr, "%s: cannot read the URL %s\n", argv[0], url);
    return 3;
  }
  return talk(address, port, path);
}
