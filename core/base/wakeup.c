/* wakeup.c: see wakeup.h. */
#include "base/wakeup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int moon_wakeup_open(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    perror("moonpool: eventfd");
    abort();
  }
  return fd;
}

void moon_wakeup_send(int fd) {
  int before = errno; /* a signal handler leaves it as it was */
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue;
  errno = before;
}

void moon_wakeup_clear(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) continue;
}
