/* fake_net.h: a network side for pools that does nothing until a test says so.
 *
 * It writes down what the pool asks for, in order, and a test (or a thread of the test) answers: by hand with
 * fake_net_take, or all at once with fake_net_run. It ends the test when the pool breaks its side of the contract: a
 * second connect or close, a check after a close, two calls at the same time, a call after dispose. Thread safe. */
#ifndef SPEC_FAKE_NET_H
#define SPEC_FAKE_NET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/pool.h"

enum { FAKE_MOST = 4096 };

typedef enum fake_kind { FAKE_CONNECT, FAKE_CHECK, FAKE_CLOSE } fake_kind;

typedef struct fake_ask {
  fake_kind kind;
  moon_conn *conn;
  int64_t timeout_ms;
} fake_ask;

typedef struct fake_net {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  fake_ask asks[FAKE_MOST]; /* not answered yet */
  int count;
  int calling;     /* threads inside the network side: at most one */
  int64_t wake_at; /* as told last */
  int wakes;       /* how often wake_at was told */
  int connects, checks, closes;
  int open; /* connections asked for and not closed */
  int most_open;
  bool disposed;
  int64_t last_timeout_ms;
  moon_pool *pool;
  bool threaded; /* a thread of the test ticks: it calls moon_pool_disposed when it sees `disposed` */

  /* how fake_net_run answers */
  const char *refuse; /* connects fail with this text */
  const char *sick;   /* checks fail with this text */
  int max_streams;    /* 100 */
} fake_net;

void fake_net_init(fake_net *fake);
void fake_net_end(fake_net *fake);
/* Makes a pool on it, which fake_net_advance will tick. */
moon_pool *fake_net_pool(fake_net *fake, const moon_pool_options *options, moon_event_queue *events);
moon_pool *fake_net_lane(fake_net *fake, moon_pool *pool); /* gives a pool its lane, likewise */

int fake_net_pending(fake_net *fake, fake_kind kind);
/* Takes the oldest question of a kind; false when there is none. */
bool fake_net_take(fake_net *fake, fake_kind kind, fake_ask *out);
/* Takes one at random, of any kind. */
bool fake_net_take_any(fake_net *fake, fake_ask *out);
void fake_net_answer(fake_net *fake, const fake_ask *ask); /* by the rules above */
void fake_net_answer_one(fake_net *fake, fake_kind kind);  /* the oldest of its kind; there must be one */
void fake_net_run(fake_net *fake);                         /* answers until nothing is asked */
/* Moves the frozen clock by ms, ticking the pool at each moment at which it asked for it. */
void fake_net_advance(fake_net *fake, int64_t ms);        /* answers on the way */
void fake_net_advance_silent(fake_net *fake, int64_t ms); /* answers nothing */

#endif
