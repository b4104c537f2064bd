/* kubeconfig.c: loading, merging and listing kubeconfigs. See kubeconfig.h.
 *
 * Every load reads into an empty config of its own and then moves the entries that are new into the caller's, so a
 * failed load changes nothing. read.c knows the fields, resolve.c makes targets. */
#include "kube/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "kube/entries.h"
#include "kube/files.h"

/* ---------------------------------------------------------------------------------------------------------- entries */

void moon_entries_add(moon_entries *entries, moon_entry *entry) {
  if (entries->count == entries->capacity) {
    entries->capacity = entries->capacity ? 2 * entries->capacity : 8;
    entries->items = moon_realloc(entries->items, entries->capacity * sizeof *entries->items);
  }
  entries->items[entries->count++] = entry;
}

moon_entry *moon_entries_find(const moon_entries *entries, const char *name) {
  for (size_t i = 0; i < entries->count; i++)
    if (strcmp(entries->items[i]->name, name) == 0) return entries->items[i];
  return NULL;
}

static void free_cluster(moon_entry *entry) {
  moon_cluster_entry *cluster = (moon_cluster_entry *)entry;
  moon_free_secret_text(cluster->server);
  free(cluster->server_shown);
  free(cluster->tls_server_name);
  free(cluster->ca_file);
  moon_free_secret_text(cluster->proxy_url);
  free(cluster->proxy_url_shown);
  moon_free_secret_text(cluster->exec_config);
  moon_bytes_wipe(&cluster->ca_data);
}

static void free_user(moon_entry *entry) {
  moon_user_entry *user = (moon_user_entry *)entry;
  free(user->client_cert_file);
  free(user->client_key_file);
  free(user->token_file);
  moon_bytes_wipe(&user->client_cert_data);
  moon_bytes_wipe(&user->client_key_data);
  moon_free_secret_text(user->token);
  moon_free_secret_text(user->username);
  moon_free_secret_text(user->password);
  moon_exec_spec_free(user->exec);
  free(user->auth_provider);
  moon_oidc_spec_free(user->oidc);
  free(user->oidc_ca_file);
  free(user->impersonate_user);
  free(user->impersonate_uid);
  moon_text_list_free(user->impersonate_groups);
  moon_impersonate_extra_free(user->impersonate_extra, user->impersonate_extra_count);
}

static void free_context(moon_entry *entry) {
  moon_context_entry *context = (moon_context_entry *)entry;
  free(context->cluster);
  free(context->user);
  free(context->namespace_);
}

static void free_entry(moon_entry *entry, void (*free_fields)(moon_entry *)) {
  free_fields(entry);
  free(entry->name);
  free(entry->place);
  free(entry);
}

static void free_entries(moon_entries *entries, void (*free_fields)(moon_entry *)) {
  for (size_t i = 0; i < entries->count; i++) free_entry(entries->items[i], free_fields);
  free(entries->items);
}

moon_kubeconfig *moon_kubeconfig_new(void) {
  return moon_zalloc(sizeof(moon_kubeconfig));
}

void moon_kubeconfig_free(moon_kubeconfig *config) {
  if (!config) return;
  free_entries(&config->clusters, free_cluster);
  free_entries(&config->users, free_user);
  free_entries(&config->contexts, free_context);
  free(config->current_context);
  free(config->empty_because);
  free(config);
}

/* ---------------------------------------------------------------------------------------------------------- merging */

/* Moves what `to` does not define yet, and what has a name; the whole entry, never single fields. */
static void move_new(moon_entries *to, moon_entries *from, void (*free_fields)(moon_entry *)) {
  for (size_t i = 0; i < from->count; i++) {
    if (!*from->items[i]->name || moon_entries_find(to, from->items[i]->name))
      free_entry(from->items[i], free_fields);
    else
      moon_entries_add(to, from->items[i]);
  }
  from->count = 0;
}

/* Merges `from` into `to` and frees it. */
static void merge(moon_kubeconfig *to, moon_kubeconfig *from) {
  move_new(&to->clusters, &from->clusters, free_cluster);
  move_new(&to->users, &from->users, free_user);
  move_new(&to->contexts, &from->contexts, free_context);
  if (!to->current_context) {
    to->current_context = from->current_context;
    from->current_context = NULL;
  }
  free(to->empty_because);
  to->empty_because = from->empty_because;
  from->empty_because = NULL;
  moon_kubeconfig_free(from);
}

/* The end of every load: `fresh` becomes part of `config`, or only its failure is remembered. Passes the error on. */
static moon_error *finish(moon_kubeconfig *config, moon_kubeconfig *fresh, moon_error *err) {
  if (!err) {
    merge(config, fresh);
    return NULL;
  }
  moon_kubeconfig_free(fresh);
  free(config->empty_because);
  config->empty_because = moon_strdup(err->message);
  return err;
}

/* ---------------------------------------------------------------------------------------------------------- loading */

/* Paths are read again later, perhaps after the program went to another folder. NULL stands for the current one. */
static char *absolute_folder(const char *folder) {
  if (folder && *folder == '/') return moon_strdup(folder);
  char *current = getcwd(NULL, 0);
  if (!current) return moon_strdup(folder ? folder : ".");
  if (!folder) return current;
  char *absolute = moon_sprintf("%s/%s", current, folder);
  free(current);
  return absolute;
}

moon_error *moon_kubeconfig_load_text(moon_kubeconfig *config, const char *text, size_t len, const char *name,
                                      const char *folder) {
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  moon_document document;
  moon_error *err = moon_document_read(text, len, name, &document);
  char *absolute = absolute_folder(folder);
  if (!err) err = moon_kubeconfig_read(fresh, &document, name, absolute);
  free(absolute);
  moon_document_free(&document);
  return finish(config, fresh, err);
}

static moon_error *load_bytes(moon_kubeconfig *config, moon_bytes *bytes, const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? moon_strndup(path, slash > path ? (size_t)(slash - path) : 1) : NULL;
  moon_error *err = moon_kubeconfig_load_text(config, bytes->data, bytes->len, path, folder);
  free(folder);
  moon_bytes_wipe(bytes);
  return err;
}

static moon_error *unreadable(const char *path) {
  return moon_error_new(MOON_CONFIG, "cannot read the kubeconfig %s: %s", path, strerror(errno));
}

moon_error *moon_kubeconfig_load_file(moon_kubeconfig *config, const char *path) {
  moon_bytes bytes;
  if (!moon_file_read(path, &bytes)) return finish(config, NULL, unreadable(path));
  return load_bytes(config, &bytes, path);
}

/* A file of the default places: may be missing, and is then noted in `missing`. */
static moon_error *load_optional(moon_kubeconfig *config, const char *path, bool *found, moon_buffer *missing) {
  moon_bytes bytes;
  if (moon_file_read(path, &bytes)) {
    *found = true;
    return load_bytes(config, &bytes, path);
  }
  if (errno != ENOENT) return unreadable(path);
  moon_buffer_addf(missing, "%s%s", missing->len ? ", " : "", path);
  return NULL;
}

static bool seen_before(char *const *paths, size_t count, const char *path) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(paths[i], path) == 0) return true;
  return false;
}

/* The files of a ':'-separated list, each once. */
static moon_error *load_list(moon_kubeconfig *config, const char *list, bool *found, moon_buffer *missing) {
  char *copy = moon_strdup(list), *rest = copy, *path;
  char **paths = moon_alloc((strlen(list) + 1) * sizeof *paths);
  size_t count = 0;
  moon_error *err = NULL;
  while (!err && (path = strsep(&rest, ":"))) {
    if (!*path || seen_before(paths, count, path)) continue;
    paths[count++] = path;
    err = load_optional(config, path, found, missing);
  }
  free(paths);
  free(copy);
  return err;
}

moon_error *moon_kubeconfig_load_default(moon_kubeconfig *config) {
  const char *list = getenv("KUBECONFIG"), *home = getenv("HOME"), *host = getenv("KUBERNETES_SERVICE_HOST");
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  moon_buffer missing = {0};
  bool found = false;
  moon_error *err = NULL;
  if (list && *list) {
    err = load_list(fresh, list, &found, &missing);
  } else if (home && *home) {
    char *path = moon_sprintf("%s/.kube/config", home);
    err = load_optional(fresh, path, &found, &missing);
    free(path);
  }
  if (!err && !found && host && *host)
    err = moon_kubeconfig_load_in_cluster(fresh);
  else if (!err && !found)
    fresh->empty_because = moon_sprintf("no kubeconfig was found at %s (%s)", missing.len ? missing.data : "any place",
                                        list && *list ? "the list in $KUBECONFIG" : "$KUBECONFIG is not set");
  moon_buffer_free(&missing);
  return finish(config, fresh, err);
}

/* ------------------------------------------------------------------------------------------------------- in-cluster */

static void add_in_cluster(moon_entries *entries, moon_entry *entry) {
  entry->name = moon_strdup("in-cluster");
  entry->place = moon_strdup("the pod's service account");
  moon_entries_add(entries, entry);
}

/* The namespace that the pod runs in; NULL when the file does not say. */
static char *read_namespace(const char *folder) {
  char *path = moon_sprintf("%s/namespace", folder), *namespace_ = NULL;
  moon_bytes bytes;
  if (moon_file_read(path, &bytes)) {
    size_t len = strcspn(bytes.data, " \t\r\n");
    if (len) namespace_ = moon_strndup(bytes.data, len);
    moon_bytes_wipe(&bytes);
  }
  free(path);
  return namespace_;
}

moon_error *moon_kubeconfig_load_service_account(moon_kubeconfig *config, const char *host, const char *port,
                                                 const char *folder) {
  if (!host || !*host || !port || !*port)
    return moon_error_new(MOON_CONFIG, "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  char *token_file = moon_sprintf("%s/token", folder);
  if (access(token_file, R_OK) != 0) {
    moon_error *err = moon_error_new(MOON_CREDENTIAL, "cannot read the pod's service account token %s: %s", token_file,
                                     strerror(errno));
    free(token_file);
    return err;
  }
  moon_kubeconfig *fresh = moon_kubeconfig_new();

  moon_cluster_entry *cluster = moon_zalloc(sizeof *cluster);
  bool bare_ipv6 = strchr(host, ':') && *host != '[';
  cluster->server = moon_sprintf(bare_ipv6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
  cluster->ca_file = moon_sprintf("%s/ca.crt", folder);
  if (access(cluster->ca_file, F_OK) != 0) {
    moon_log(MOON_LOG_WARN, "no %s: the API server is checked against the system's certificates", cluster->ca_file);
    free(cluster->ca_file);
    cluster->ca_file = NULL;
  }
  add_in_cluster(&fresh->clusters, &cluster->entry);

  moon_user_entry *user = moon_zalloc(sizeof *user);
  user->token_file = token_file;
  add_in_cluster(&fresh->users, &user->entry);

  moon_context_entry *context = moon_zalloc(sizeof *context);
  context->cluster = moon_strdup("in-cluster");
  context->user = moon_strdup("in-cluster");
  context->namespace_ = read_namespace(folder);
  add_in_cluster(&fresh->contexts, &context->entry);

  fresh->current_context = moon_strdup("in-cluster");
  merge(config, fresh);
  return NULL;
}

moon_error *moon_kubeconfig_load_in_cluster(moon_kubeconfig *config) {
  return moon_kubeconfig_load_service_account(config, getenv("KUBERNETES_SERVICE_HOST"),
                                              getenv("KUBERNETES_SERVICE_PORT"),
                                              "/var/run/secrets/kubernetes.io/serviceaccount");
}

/* ---------------------------------------------------------------------------------------------------------- listing */

size_t moon_kubeconfig_context_count(const moon_kubeconfig *config) {
  return config->contexts.count;
}

size_t moon_kubeconfig_cluster_count(const moon_kubeconfig *config) {
  return config->clusters.count;
}

size_t moon_kubeconfig_user_count(const moon_kubeconfig *config) {
  return config->users.count;
}

void moon_kubeconfig_context_at(const moon_kubeconfig *config, size_t index, moon_context_info *out) {
  const moon_context_entry *context = (const moon_context_entry *)config->contexts.items[index];
  *out = (moon_context_info){.name = context->entry.name,
                             .cluster = context->cluster,
                             .user = context->user,
                             .namespace_ = context->namespace_};
}

void moon_kubeconfig_cluster_at(const moon_kubeconfig *config, size_t index, moon_cluster_info *out) {
  const moon_cluster_entry *cluster = (const moon_cluster_entry *)config->clusters.items[index];
  *out = (moon_cluster_info){.name = cluster->entry.name,
                             .server = cluster->server_shown,
                             .tls_server_name = cluster->tls_server_name,
                             .certificate_authority = cluster->ca_file,
                             .proxy_url = cluster->proxy_url_shown,
                             .insecure_skip_tls_verify = cluster->insecure_skip_tls_verify,
                             .has_ca_data = cluster->ca_data.len > 0};
}

void moon_kubeconfig_user_at(const moon_kubeconfig *config, size_t index, moon_user_info *out) {
  const moon_user_entry *user = (const moon_user_entry *)config->users.items[index];
  *out = (moon_user_info){.name = user->entry.name,
                          .username = user->username,
                          .client_certificate = user->client_cert_file,
                          .token_file = user->token_file,
                          .exec_command = user->exec ? user->exec->command : NULL,
                          .auth_provider = user->auth_provider,
                          .has_token = user->token != NULL,
                          .has_password = user->password != NULL,
                          .has_client_certificate = user->client_cert_data.len || user->client_cert_file};
}

const char *moon_kubeconfig_current_context(const moon_kubeconfig *config) {
  return config->current_context;
}
