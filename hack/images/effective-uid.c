/* Says which user's rights it runs with: its own file's owner, where that has the setuid bit and it counts. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
  printf("Effective uid: %d\n", (int)geteuid());
  return 0;
}
