/*
 * nc as far as busybox's cannot be it: `nc -u -w SECONDS HOST PORT` sends what it reads as one datagram and prints
 * what comes back as one, if it comes in time. The options before host and port are not looked at.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const struct timeval patience = {.tv_sec = 1};
  char data[65536];
  if (argc < 3) return 64;
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[argc - 1]))};
  if (inet_pton(AF_INET, argv[argc - 2], &peer.sin_addr) != 1) return 64;
  ssize_t length = read(STDIN_FILENO, data, sizeof data);
  int connection = socket(AF_INET, SOCK_DGRAM, 0);
  if (length < 0 || connection < 0) return 1;
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(connection, (struct sockaddr *)&peer, sizeof peer) != 0) return 1;
  if (send(connection, data, (size_t)length, 0) != length) return 1;
  length = recv(connection, data, sizeof data, 0);
  return length >= 0 && write(STDOUT_FILENO, data, (size_t)length) == length ? 0 : 1;
}
