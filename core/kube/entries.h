/* entries.h: what a kubeconfig consists of, once read: named clusters, users and contexts, each with the place that
 * defined it. Shared by the files of kubeconfig.h: kubeconfig.c (loading, merging, listing), read.c (from YAML) and
 * resolve.c (to targets). Texts are NULL where the file says nothing or an empty text. */
#ifndef MOON_KUBE_ENTRIES_H
#define MOON_KUBE_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kube/document.h"
#include "kube/kubeconfig.h"
#include "kube/target.h"

/* The first member of every entry. */
typedef struct moon_entry {
  char *name;
  char *place; /* "file:line" of its definition */
} moon_entry;

typedef struct moon_cluster_entry {
  moon_entry entry;
  char *server, *tls_server_name, *ca_file, *proxy_url;
  char *server_shown, *proxy_url_shown; /* without user name and password */
  char *exec_config;                    /* its extension for credential plugins, as JSON */
  moon_bytes ca_data;
  bool insecure_skip_tls_verify, disable_compression;
} moon_cluster_entry;

typedef struct moon_user_entry {
  moon_entry entry;
  char *client_cert_file, *client_key_file, *token_file;
  moon_bytes client_cert_data, client_key_data;
  char *token, *username, *password;
  moon_exec_spec *exec;
  char *auth_provider;
  moon_oidc_spec *oidc; /* the auth-provider of that name; its authority may still be in a file: */
  char *oidc_ca_file;
  char *impersonate_user, *impersonate_uid;
  char **impersonate_groups;
  moon_impersonate_extra *impersonate_extra;
  size_t impersonate_extra_count;
} moon_user_entry;

typedef struct moon_context_entry {
  moon_entry entry;
  char *cluster, *user, *namespace_;
} moon_context_entry;

/* Entries of one kind, in the order of definition. */
typedef struct moon_entries {
  moon_entry **items;
  size_t count, capacity;
} moon_entries;

struct moon_kubeconfig {
  moon_entries clusters, users, contexts; /* of the three types above */
  char *current_context;
  char *empty_because; /* what loading last failed with, or where it found nothing: for messages while it is empty */
};

void moon_entries_add(moon_entries *entries, moon_entry *entry);
moon_entry *moon_entries_find(const moon_entries *entries, const char *name); /* NULL: not there */

/* Reads a document into `config`, which is empty. */
moon_error *moon_kubeconfig_read(moon_kubeconfig *config, const moon_document *document, const char *name,
                                 const char *folder);

/* moon_kubeconfig_load_in_cluster with the pod's environment as parameters. */
moon_error *moon_kubeconfig_load_service_account(moon_kubeconfig *config, const char *host, const char *port,
                                                 const char *folder);

#endif
