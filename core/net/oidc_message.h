/* oidc_message.h: what goes between us and an OpenID Connect identity provider: where it gives out tokens, how it is
 * asked for a new one, what it answers, and when a token ends. Functions without state; any thread. Nothing secret is
 * ever repeated in a message. */
#ifndef MOON_NET_OIDC_MESSAGE_H
#define MOON_NET_OIDC_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/message.h"
#include "net/renewal.h"

/* When an id-token ends (its claim "exp"), seconds since 1970; -1: it is no JSON Web Token, or does not say. */
int64_t moon_oidc_token_end_s(const char *token);

/* What the discovery document says of the place that gives out tokens. */
typedef struct moon_oidc_place {
  char *server;        /* "https://host:port" */
  char *path;          /* with the query, if it has one */
  bool secret_in_form; /* the client's secret goes with the form instead of a header */
} moon_oidc_place;

moon_error *moon_oidc_place_read(const moon_oidc_spec *spec, const char *text, size_t len, moon_oidc_place *out);
void moon_oidc_place_clear(moon_oidc_place *place);

/* The request that asks for a new token; to be freed with the next. */
moon_request *moon_oidc_request_new(const moon_oidc_spec *spec, const char *refresh_token,
                                    const moon_oidc_place *place);
void moon_oidc_request_free(moon_request *request); /* wipes it */

/* The answer to it: a token, and perhaps another refresh token. */
moon_error *moon_oidc_answer_read(const char *text, size_t len, moon_renewed *out);
/* Why it said no, for a person: "HTTP 400: invalid_grant (the session has ended)". The caller's. */
char *moon_oidc_refusal(const moon_oidc_spec *spec, const char *refresh_token, int status, const char *text,
                        size_t len);

#endif
