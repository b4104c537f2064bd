/* change.h: whether a request may change something in a cluster, by what it asks for alone; pure, any thread.
 *
 * Who must not write is held to this, so a doubt means yes. No change are
 *   - reads, but for those that open a way into a container (exec, attach, portforward);
 *   - reviews: questions in the form of an object (may I ..., whose token is this);
 *   - dry runs, where the server knows them: dryRun=All in the query, or, when a DELETE has a body, in that, which then
 *     counts alone. What is passed on to a pod, a service or a node (proxy) knows none. */
#ifndef MOON_NET_CHANGE_H
#define MOON_NET_CHANGE_H

#include "net/message.h"

bool moon_request_may_change(const moon_request *request);

#endif
