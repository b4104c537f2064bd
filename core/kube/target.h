/* target.h: whom to talk to, and as whom: one resolved context of a kubeconfig.
 *
 * A target is data, made once and never changed, shared by reference count between threads. Secrets in it are wiped
 * when the last reference goes. What may change while it lives (the files and the credential plugin that it names) is
 * followed by net/credential.h. */
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

/* How to sign in at an OpenID Connect identity provider (auth-provider "oidc"), as the kubeconfig says it. */
typedef struct moon_oidc_spec {
  char *issuer;                                   /* https URL, no slash at the end */
  char *client_id;                                /* who we are to it */
  char *client_secret, *id_token, *refresh_token; /* each may be NULL; one of the tokens is there */
  moon_bytes ca;                                  /* PEM; absent: the system's certificates */
} moon_oidc_spec;

/* One key of `as-user-extra`; values end with NULL. */
typedef struct moon_impersonate_extra {
  char *key;
  char **values;
} moon_impersonate_extra;

typedef struct moon_target {
  atomic_int refs;
  char *context;    /* name of the context */
  char *cluster;    /* its cluster entry's name */
  char *user;       /* its user entry's name, or NULL */
  char *namespace_; /* never NULL: "default" where the context names none */

  char *server; /* scheme://host[:port][/prefix], no slash at the end; or unix:///path, for plain http over a socket */
  char *tls_server_name;
  char *proxy_url;
  bool insecure_skip_tls_verify;
  bool disable_compression;
  moon_bytes ca;     /* PEM; absent: the system's certificates */
  char *ca_file;     /* where it was read from, and can be again; or NULL */
  char *exec_config; /* JSON that the cluster has for credential plugins; or NULL */

  moon_bytes client_cert, client_key;       /* PEM, both or neither */
  char *client_cert_file, *client_key_file; /* where they were read from; NULL: nowhere, they stood in the kubeconfig */
  char *token;                              /* bearer token; as read from token_file where there is one */
  char *token_file;                         /* where to read the token again, or NULL */
  char *username, *password;                /* basic auth */
  moon_exec_spec *exec;                     /* NULL: none */
  moon_oidc_spec *oidc;                     /* NULL: none */
  char *impersonate_user, *impersonate_uid;
  char **impersonate_groups; /* NULL-terminated, or NULL */
  moon_impersonate_extra *impersonate_extra;
  size_t impersonate_extra_count;

  /* The server is plain http and the user entry has credentials: they, and the impersonation, were left out of this
   * target, because nothing secret goes over an open line. For the hint of a 401. */
  bool credentials_withheld;
} moon_target;

moon_target *moon_target_new(void); /* zeroed, one reference; the maker fills it before sharing it */
moon_target *moon_target_retain(moon_target *target);
void moon_target_release(moon_target *target);

/* The values that targets are made of. Copies are deep, a copy of NULL is NULL; freeing wipes what may be secret. */
moon_bytes moon_bytes_copy(moon_bytes bytes);
void moon_bytes_wipe(moon_bytes *bytes); /* wipes, frees, leaves it absent */
char **moon_text_list_copy(char *const *list);
void moon_text_list_free(char **list);
moon_exec_spec *moon_exec_spec_copy(const moon_exec_spec *spec);
void moon_exec_spec_free(moon_exec_spec *spec);
moon_oidc_spec *moon_oidc_spec_copy(const moon_oidc_spec *spec);
void moon_oidc_spec_free(moon_oidc_spec *spec);
moon_impersonate_extra *moon_impersonate_extra_copy(const moon_impersonate_extra *extra, size_t count);
void moon_impersonate_extra_free(moon_impersonate_extra *extra, size_t count);

#endif
