/*
 * nmeter as far as somebody needs it: says what time it is, in UTC and to the millisecond. Debian's busybox has no
 * nmeter. Of its arguments `-d0 '%3t'` are understood, by doing nothing else.
 */
#include <stdio.h>
#include <time.h>

int main(void) {
  struct timespec now;
  struct tm utc;
  char seconds[16];
  if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL) return 1;
  strftime(seconds, sizeof seconds, "%H:%M:%S", &utc);
  printf("%s.%03ld\n", seconds, now.tv_nsec / 1000000);
  return 0;
}
