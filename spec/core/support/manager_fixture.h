/* manager_fixture.h: what every spec of the manager begins with: a manager of clusters that nobody answers for.
 *
 * The clusters' server accepts connections and says nothing. Without an interval they begin as healthy; probes, once
 * there is reason for them, find out nothing until the clock moves. So the specs alone decide about health. */
#ifndef SPEC_MANAGER_FIXTURE_H
#define SPEC_MANAGER_FIXTURE_H

#include "base/buffer.h"
#include "cluster/manager.h"

/* No probes, and pools that make no connection before one is asked for. */
moon_manager_options quiet_manager_options(void);
moon_manager *manager_with(const moon_manager_options *options, moon_event_queue *events); /* must succeed */
moon_manager *manager_of(const char *names); /* quiet; with the clusters "a b c" */

moon_target *silent_target(void);
void add_cluster(moon_manager *manager, const char *name);
void add_with(moon_manager *manager, const moon_cluster_options *options); /* the same server; must succeed */

/* For a group of specs: a cluster that stays from the first to the last, and with it the reactors' threads: libuv
 * closes its descriptors behind ThreadSanitizer's back, which would take the next use of a number for a race. */
int keep_threads(void **state);
int end_threads(void **state);

/* Health, as a prober would have found it. */
void probe_cluster(moon_manager *manager, const char *name, moon_verdict verdict);
void fail_cluster(moon_manager *manager, const char *name);    /* unhealthy: "NAME refused" */
void recover_cluster(moon_manager *manager, const char *name); /* from unhealthy to healthy */

/* Who is chosen; must succeed, and leaves at once. The text is good until the next call on this thread. */
const char *choice(moon_manager *manager, const moon_selection *selection);
/* The same so many times: "abcab" for clusters with names of one letter. */
void expect_choices(moon_manager *manager, const moon_selection *selection, const char *expected);
/* Must fail; compares the error's kind and its whole message. */
void expect_refusal(moon_manager *manager, const moon_selection *selection, moon_status kind, const char *message);
uint64_t id_of(moon_manager *manager, const char *name); /* which selections name in `tried` */
uint64_t selected(moon_manager *manager, const char *name);

/* The events since the last look, as "clusterAdded a, failover a b (why), clusterRemoved a". */
void expect_events(moon_event_queue *events, const char *expected);
/* Takes events until this one comes; fails after PATIENCE_MS. `before`: what came before it, or NULL. */
void wait_for_event(moon_event_queue *events, moon_event_kind kind, const char *cluster, moon_buffer *before);

#endif
