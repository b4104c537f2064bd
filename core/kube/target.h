/* target.h: whom to talk to, and as whom: one resolved context of a kubeconfig.
 *
 * A target is data, made once and never changed, shared by reference count between threads. Secrets in it are wiped
 * when the last reference goes. Fields that name things not yet acted on (exec, token file, proxy) are kept so that the
 * part that will act on them finds them here. */
#ifndef MOON_KUBE_TARGET_H
#define MOON_KUBE_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that may be secret; data is NUL-terminated, NULL when absent. */
typedef struct moon_bytes {
  char *data;
  size_t len;
} moon_bytes;

/* A credential plugin, as the kubeconfig declares it. Lists end with NULL. */
typedef struct moon_exec_spec {
  char *api_version, *command, *install_hint, *interactive_mode;
  char **args;
  char **env; /* "NAME=value" */
  bool provide_cluster_info;
} moon_exec_spec;

typedef struct moon_target {
  atomic_int refs;
  char *context;    /* name of the context; "" when it has none (in-cluster) */
  char *cluster;    /* its cluster entry's name */
  char *user;       /* its user entry's name, or NULL */
  char *namespace_; /* never NULL: "default" where the context names none */

  char *server; /* scheme://host[:port][/prefix], no slash at the end */
  char *tls_server_name;
  char *proxy_url;
  bool insecure_skip_tls_verify;
  bool disable_compression;
  moon_bytes ca; /* PEM; absent: the system's certificates */

  moon_bytes client_cert, client_key; /* PEM, both or neither */
  char *token;                        /* bearer token */
  char *token_file;
  char *username, *password; /* basic auth */
  moon_exec_spec *exec;      /* NULL: none */
  char *impersonate_user, *impersonate_uid;
  char **impersonate_groups; /* NULL-terminated, or NULL */
} moon_target;

moon_target *moon_target_new(void); /* zeroed, one reference; the maker fills it before sharing it */
moon_target *moon_target_retain(moon_target *target);
void moon_target_release(moon_target *target);

#endif
