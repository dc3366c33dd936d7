/*
 * busybox's shell, but for `sh -c env`, which asks for what a container was given: Debian's drops variables that cannot
 * be any of a shell's, such as `data-1`.
 */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "-c") == 0 && strcmp(argv[2], "env") == 0) execlp("env", "env", (char *)NULL);
  /* By the name it was called by, which is in what it complains of, and which busybox knows it by as well. */
  execv("/bin/busybox", argv);
  return 127;
}
