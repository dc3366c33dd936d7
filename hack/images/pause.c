/*
 * The process that holds a Pod's namespaces open. As PID 1 of a shared PID namespace it also inherits
 * every orphan, so it reaps; and PID 1 has no default signal actions, so it must ask to die.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

static void reap(int signal) {
  (void)signal;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

static int act(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "-v") == 0) {
    puts("pause (podwright's test image)");
    return 0;
  }
  if (act(SIGINT, end, 0) || act(SIGTERM, end, 0) || act(SIGCHLD, reap, SA_NOCLDSTOP)) {
    perror("sigaction");
    return 1;
  }
  /* A child that ended before the handler was there has sent its signal already. */
  reap(SIGCHLD);
  for (;;) pause();
}
