/* examination.h: how far a new connection to a server gets: its name, TCP, TLS; and which certificates the server
 * shows.
 *
 * For people who look for a fault. What is found here agrees with what a transport would find, because the connection
 * is made in the same way (dialer.h); but nothing is sent over it. */
#ifndef MOON_NET_EXAMINATION_H
#define MOON_NET_EXAMINATION_H

#include "net/dialer.h"

typedef enum moon_reached {
  MOON_REACHED_NOTHING,
  MOON_REACHED_ADDRESS, /* the name is resolved */
  MOON_REACHED_SERVER,  /* TCP; to the proxy, where there is one */
  MOON_REACHED_SESSION, /* TLS, unless the server is plain http */
} moon_reached;

typedef struct moon_examination {
  moon_reached reached;
  moon_error *err;   /* why no further; NULL: all the way */
  const char *cause; /* of the error, in a word (static), such as "refused"; see examination.c */
  char *address;     /* that it is connected to; NULL: none */
  char *chain;       /* PEM: the certificates that the server shows, its own first; NULL: none seen */
  int64_t name_us, connect_us, session_us; /* how long each step took; 0: it was not done */
} moon_examination;

/* Blocks for at most the time given for each of two tries: where the certificate is not accepted, the second one is
 * made without looking, to see what is wrong with it; where the handshake breaks off without a word, it asks over plain
 * http. Any thread but a reactor's. Fills *out, to be cleared. */
void moon_examine(moon_dialer *dialer, int64_t timeout_ms, moon_examination *out);
void moon_examination_clear(moon_examination *examination);

#endif
