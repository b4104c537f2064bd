/* wakeup.h: a descriptor by which one thread wakes another out of its poll.
 *
 * An eventfd, watched by the sleeper's loop. libuv's own async handle is not used for this: its receiver spins while
 * the sender is still inside its write, which, where the woken thread takes the sender's core, cost a quarter of the
 * time of a small request. */
#ifndef MOON_BASE_WAKEUP_H
#define MOON_BASE_WAKEUP_H

int moon_wakeup_open(void);     /* the descriptor: close it when done; aborts when there is none left */
void moon_wakeup_send(int fd);  /* any thread, also a signal handler */
void moon_wakeup_clear(int fd); /* the woken thread, so that the next send wakes again */

#endif
