/* http2_proxy.h: nghttpx (Debian's nghttp2-proxy) as a child process, which speaks HTTP/2 over TLS before a plain test
 * server. Its certificate is that of net_fixture's servers. */
#ifndef SPEC_HTTP2_PROXY_H
#define SPEC_HTTP2_PROXY_H

#include "support/net_fixture.h"

typedef struct http2_proxy http2_proxy;

http2_proxy *http2_proxy_start(const tls_server *backend, int max_streams); /* 0: nghttpx's default of 100 */
void http2_proxy_stop(http2_proxy *proxy);
void http2_proxy_signal(http2_proxy *proxy, int signal); /* SIGQUIT: GOAWAY, finish what runs, end */
void http2_proxy_kill(http2_proxy *proxy);               /* with all its processes, at once */
moon_target *http2_proxy_target(const http2_proxy *proxy);
int http2_proxy_connections(const http2_proxy *proxy); /* TCP connections that clients have to it now */

#endif
