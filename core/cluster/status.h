/* status.h: HTTP answers of 400 and more, as errors. Functions without state; any thread. */
#ifndef MOON_CLUSTER_STATUS_H
#define MOON_CLUSTER_STATUS_H

#include "net/message.h"

/* The error that an answer stands for; NULL for 2xx. Reads Kubernetes' Status object where there is one; of anything
 * else (a proxy's page) it keeps a line. */
moon_error *moon_status_error(const moon_request *request, const moon_response *response, const char *endpoint);
/* "etcd failed: reason withheld; poststarthook/rbac failed: ..." of an answer of /readyz, which says so in the lines
 * "[-]etcd failed: reason withheld"; NULL when there are none. The caller's. */
char *moon_status_failed_checks(const moon_response *response);
/* One line of it, for a message: markup and what cannot be printed left out, white space folded, at most 200 bytes. The
 * caller's. */
char *moon_status_excerpt(const char *bytes, size_t len);

#endif
