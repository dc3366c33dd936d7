/* What the programs here that listen on a port have in common. */
#ifndef PODWRIGHT_SERVER_H
#define PODWRIGHT_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void end(int signal) {
  (void)signal;
  _exit(0);
}

/* As PID 1 a program has no default signal actions. */
static void end_when_told(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGQUIT, end);
  signal(SIGPIPE, SIG_IGN);
}

static int listen_on(const char *port) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) fail("socket");
  if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) fail("setsockopt");
  if (bind(listener, (struct sockaddr *)&any, sizeof any) != 0) fail("bind");
  if (listen(listener, 64) != 0) fail("listen");
  return listener;
}

#endif
