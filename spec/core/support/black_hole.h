/* black_hole.h: a network that loses packets, for connections of this process: what the other side sends is dropped by
 * the kernel before TCP sees it, acknowledgements too. */
#ifndef SPEC_BLACK_HOLE_H
#define SPEC_BLACK_HOLE_H

/* Calls visit(fd) for every socket of this process that is connected to that port of 127.0.0.1; says how many. */
int each_connection_to(int port, void (*visit)(int fd));
/* From now on nothing reaches any of them. */
int black_hole_dig(int port);

#endif
