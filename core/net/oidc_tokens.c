/* oidc_tokens.c: see oidc_tokens.h. */
#include "net/oidc_tokens.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

typedef struct login {
  struct login *next;
  unsigned char key[MOON_OIDC_KEY_SIZE];
  char *refresh_token, *id_token;
} login;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static login *logins;

/* With the lock. */
static login *find(const unsigned char key[MOON_OIDC_KEY_SIZE]) {
  login *one = logins;
  while (one && memcmp(one->key, key, MOON_OIDC_KEY_SIZE)) one = one->next;
  return one;
}

void moon_oidc_tokens_keep(const unsigned char key[MOON_OIDC_KEY_SIZE], const char *refresh_token,
                           const char *id_token) {
  pthread_mutex_lock(&lock);
  login *one = find(key);
  if (!one) {
    one = moon_zalloc(sizeof *one);
    memcpy(one->key, key, MOON_OIDC_KEY_SIZE);
    one->next = logins;
    logins = one;
  }
  moon_free_secret_text(one->refresh_token);
  moon_free_secret_text(one->id_token);
  one->refresh_token = moon_strdup(refresh_token);
  one->id_token = moon_strdup(id_token);
  pthread_mutex_unlock(&lock);
}

bool moon_oidc_tokens_find(const unsigned char key[MOON_OIDC_KEY_SIZE], char **refresh_token, char **id_token) {
  pthread_mutex_lock(&lock);
  const login *one = find(key);
  *refresh_token = one ? moon_strdup(one->refresh_token) : NULL;
  *id_token = one ? moon_strdup(one->id_token) : NULL;
  pthread_mutex_unlock(&lock);
  return one != NULL;
}
