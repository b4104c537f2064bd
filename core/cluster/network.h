/* network.h: what joins a pool to the network: its reactor, its dialer, and a transport behind each of its connections.
 * Any thread, where nothing else is said. */
#ifndef MOON_CLUSTER_NETWORK_H
#define MOON_CLUSTER_NETWORK_H

#include "cluster/endpoint.h"
#include "net/transport.h"
#include "pool/pool.h"

typedef struct moon_network moon_network;
struct moon_cluster;

/* Makes a pool, and its lane, that connect to the endpoints, on one reactor. A connect that fails at one endpoint goes
 * on with the next; only when all have failed does the pool hear of it, with one error that names them all. The time
 * for one try is the pool's connect timeout, divided by the endpoints that are left. Connections that an endpoint has
 * beyond its part (another one came back) are moved, one every 250 ms, idle ones first. Those to an endpoint that has
 * become unhealthy, while another has not, take no new users; reads that got no byte for 3 s from one that does not
 * answer at all end as lost, so that they are tried again elsewhere. The network side lives as long as the pool. */
moon_pool *moon_network_pool(const char *name, const moon_pool_options *options, moon_endpoints *endpoints,
                             moon_event_queue *events);

/* Endpoints came, went or changed their state: looks whether connections should move. Any thread. */
void moon_network_rebalance(moon_pool *pool);

/* The network side of a pool made above, or of its lane; valid as long as the pool. */
moon_network *moon_network_of(const moon_pool *pool);
moon_reactor *moon_network_reactor(const moon_network *network);
/* Whose connections they are, of the pool and its lane: set once, before anybody else knows the pool. */
void moon_network_set_cluster(moon_pool *pool, struct moon_cluster *cluster);
struct moon_cluster *moon_network_cluster(const moon_network *network);
/* The transport behind a connection; NULL once it is closed. On the reactor's thread, by whoever holds the connection.
 */
moon_transport *moon_network_transport(const moon_conn *conn);
/* The endpoint behind it; valid while the connection is held. */
moon_endpoint *moon_network_endpoint(const moon_conn *conn);

#endif
