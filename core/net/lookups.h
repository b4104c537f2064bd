/* lookups.h: how many names this process looks up at once.
 *
 * libcurl gives each lookup a thread, which lives until the system's resolver answers: also after the connection that
 * wanted the name has given up. Where a name server swallows questions, attempt after attempt would leave a thread
 * behind. So lookups are counted, those given up included, for as long as the resolver may go on with them. Any thread.
 */
#ifndef MOON_NET_LOOKUPS_H
#define MOON_NET_LOOKUPS_H

enum {
  MOON_MAX_LOOKUPS = 64,
  MOON_LOOKUP_LINGERS_MS = 30000, /* three name servers, two tries, 5 s each: resolv.conf(5) */
};

int moon_lookup_begin(void);         /* a place to be given back by one of those below; -1: none is free */
void moon_lookup_end(int place);     /* the resolver has answered */
void moon_lookup_give_up(int place); /* it has not, and nobody waits any more */

#endif
