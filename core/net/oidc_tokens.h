/* oidc_tokens.h: what identity providers gave in the place of refresh tokens that can be used once only.
 *
 * A kubeconfig is never written here, so a refresh token that was replaced would be lost with the credential that asked
 * with it, and the next one made from the same kubeconfig could only fail. The latest tokens of each such login are
 * therefore kept, in memory, until the process ends. Any thread. */
#ifndef MOON_NET_OIDC_TOKENS_H
#define MOON_NET_OIDC_TOKENS_H

#include <stdbool.h>

enum { MOON_OIDC_KEY_SIZE = 32 };

/* `key`: a digest of what the kubeconfig says, tokens included. */
void moon_oidc_tokens_keep(const unsigned char key[MOON_OIDC_KEY_SIZE], const char *refresh_token,
                           const char *id_token);
/* False: none are kept. Both are the caller's, to be wiped. */
bool moon_oidc_tokens_find(const unsigned char key[MOON_OIDC_KEY_SIZE], char **refresh_token, char **id_token);

#endif
