/* oidc.h: one refresh of an id-token at an OpenID Connect identity provider.
 *
 * Two requests, each on a connection of its own, made as those to clusters are (proxies of the environment, certificate
 * checks, errors): the issuer's discovery document says where tokens are given out, and there a new one is asked for
 * with the refresh token. Both together have 30 s. Only https will do. */
#ifndef MOON_NET_OIDC_H
#define MOON_NET_OIDC_H

#include "net/renewal.h"

/* Prepares a refresh with this refresh token; keeps a reference of the target, whose `oidc` says the rest. */
moon_renewal *moon_oidc_refresh_new(moon_target *target, const char *refresh_token, moon_renewal_done *done, void *ctx);

#endif
