/* network.h: what joins a pool to the network: its reactor, its dialer, and a transport behind each of its connections.
 * Any thread, where nothing else is said. */
#ifndef MOON_CLUSTER_NETWORK_H
#define MOON_CLUSTER_NETWORK_H

#include "net/transport.h"
#include "pool/pool.h"

typedef struct moon_network moon_network;

/* Makes a pool, and its lane, that connect through the dialer, on one reactor. The network side lives as long as the
 * pool. */
moon_pool *moon_network_pool(const char *name, const moon_pool_options *options, moon_dialer *dialer,
                             moon_event_queue *events);

/* The network side of a pool made above, or of its lane; valid as long as the pool. */
moon_network *moon_network_of(const moon_pool *pool);
moon_reactor *moon_network_reactor(const moon_network *network);
const moon_dialer *moon_network_dialer(const moon_network *network);
/* The transport behind a connection; NULL once it is closed. On the reactor's thread, by whoever holds the connection.
 */
moon_transport *moon_network_transport(const moon_conn *conn);

#endif
