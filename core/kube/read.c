/* read.c: from a YAML document to the entries of a kubeconfig.
 *
 * A reader walks the fields it knows and keeps the path to where it is ("users[2].user.exec") for messages. The first
 * error sticks: everything read after it is nothing, so callers check once, at the end. What a field's value is never
 * shows in a message, only its type. */
#include "kube/entries.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "kube/base64.h"

typedef struct reader {
  const char *name;   /* of the text */
  const char *folder; /* where relative paths start */
  moon_buffer path;
  moon_error *err;
} reader;

/* -------------------------------------------------------------------------------------------------- paths, errors */

/* Goes down to a member or an item; leave() with what it returns goes back. */
__attribute__((format(printf, 2, 3))) static size_t enter(reader *r, const char *format, ...) {
  size_t before = r->path.len;
  va_list args;
  va_start(args, format);
  char *step = NULL;
  if (vasprintf(&step, format, args) < 0) abort(); /* out of memory */
  va_end(args);
  if (before && *step != '[') moon_buffer_add_char(&r->path, '.');
  moon_buffer_add_text(&r->path, step);
  free(step);
  return before;
}

static void leave(reader *r, size_t before) {
  r->path.len = before;
  if (r->path.data) r->path.data[before] = '\0';
}

/* At the path, or where `field` is given at that member of it. */
static void fail(reader *r, const moon_node *node, const char *field, const char *what) {
  if (r->err) return;
  size_t before = field ? enter(r, "%s", field) : r->path.len;
  const char *path = r->path.len ? r->path.data : NULL;
  r->err = moon_error_new(MOON_CONFIG, "%s:%zu: %s%s%s", r->name, node->line, path ? path : "", path ? ": " : "", what);
  leave(r, before);
}

static void fail_type(reader *r, const moon_node *node, const char *field, const char *expected) {
  const char *hint = "";
  if (strcmp(expected, "a string") == 0 && node->type == MOON_NODE_BOOLEAN)
    hint = " (in YAML this word means true or false; put it in quotes)";
  if (strcmp(expected, "a string") == 0 && node->type == MOON_NODE_NUMBER) hint = " (put it in quotes)";
  char *what = moon_sprintf("expected %s, got %s%s", expected, moon_node_type_name(node->type), hint);
  fail(r, node, field, what);
  free(what);
}

/* --------------------------------------------------------------------------------------------------- kinds of field */

/* The member if it is there, is not null, and has the type; anything else there is an error. */
static const moon_node *get(reader *r, const moon_node *mapping, const char *field, moon_node_type type,
                            const char *expected) {
  if (r->err || !mapping) return NULL;
  const moon_node *node = moon_node_get(mapping, field);
  if (!node || node->type == MOON_NODE_NULL) return NULL;
  if (node->type == type) return node;
  fail_type(r, node, field, expected);
  return NULL;
}

static const moon_node *get_mapping(reader *r, const moon_node *mapping, const char *field) {
  return get(r, mapping, field, MOON_NODE_MAPPING, "a mapping");
}

static const moon_node *get_list(reader *r, const moon_node *mapping, const char *field) {
  return get(r, mapping, field, MOON_NODE_LIST, "a list");
}

static bool get_boolean(reader *r, const moon_node *mapping, const char *field) {
  const moon_node *node = get(r, mapping, field, MOON_NODE_BOOLEAN, "true or false");
  return node && node->is_true;
}

/* C texts end at a NUL: better refused than cut. */
static char *copy_text(reader *r, const moon_node *node, const char *field) {
  if (memchr(node->text, '\0', node->len)) {
    fail(r, node, field, "holds a NUL character, which is not allowed");
    return NULL;
  }
  return moon_strndup(node->text, node->len);
}

static char *get_text(reader *r, const moon_node *mapping, const char *field) {
  const moon_node *node = get(r, mapping, field, MOON_NODE_STRING, "a string");
  return node && node->len ? copy_text(r, node, field) : NULL;
}

/* The path made from the folder of the file and what the file says; takes `path`. */
static char *place_path(const reader *r, char *path) {
  if (!path || *path == '/') return path;
  char *placed = moon_sprintf("%s/%s", r->folder, path);
  free(path);
  return placed;
}

static char *get_path(reader *r, const moon_node *mapping, const char *field) {
  return place_path(r, get_text(r, mapping, field));
}

/* The bytes as a list of their numbers, which kubectl takes too; a null counts as 0. */
static moon_bytes list_bytes(reader *r, const moon_node *list, const char *field) {
  moon_bytes bytes = {moon_zalloc(list->count + 1), list->count};
  for (size_t i = 0; i < list->count && !r->err; i++) {
    const moon_node *item = list->items[i];
    char *end = NULL;
    unsigned long number = item->type == MOON_NODE_NUMBER ? strtoul(item->text, &end, 0) : 0;
    bool good = item->type == MOON_NODE_NULL || (end && !*end && *item->text != '-' && number < 256);
    if (!good) fail(r, item, field, "expected base64 text");
    bytes.data[i] = (char)number;
  }
  return bytes;
}

static moon_bytes get_data(reader *r, const moon_node *mapping, const char *field) {
  moon_bytes bytes = {0};
  size_t wrong_at;
  const moon_node *node = mapping ? moon_node_get(mapping, field) : NULL;
  if (node && node->type == MOON_NODE_LIST && !r->err) return list_bytes(r, node, field);
  node = get(r, mapping, field, MOON_NODE_STRING, "base64 text");
  if (node && node->len && !moon_base64_decode(node->text, node->len, &bytes, &wrong_at)) {
    char *what = moon_sprintf("is not base64 (see character %zu of %zu)", wrong_at + 1, node->len);
    fail(r, node, field, what);
    free(what);
  }
  return bytes;
}

/* An item of a list of strings; a null counts as an empty one, as in kubectl. */
static char *item_text(reader *r, const moon_node *node) {
  if (node->type == MOON_NODE_STRING) return copy_text(r, node, NULL);
  if (node->type != MOON_NODE_NULL) {
    fail_type(r, node, NULL, "a string");
    return NULL;
  }
  return moon_strdup("");
}

static char **get_texts(reader *r, const moon_node *mapping, const char *field) {
  const moon_node *list = get_list(r, mapping, field);
  if (!list || !list->count) return NULL;
  char **texts = moon_zalloc((list->count + 1) * sizeof *texts);
  for (size_t i = 0; i < list->count && !r->err; i++) {
    size_t before = enter(r, "%s[%zu]", field, i);
    texts[i] = item_text(r, list->items[i]);
    leave(r, before);
  }
  return texts;
}

/* Nobody here looks at them, but kubectl refuses a file where they are not {name: text, extension: anything}. */
static void check_extensions(reader *r, const moon_node *node) {
  const moon_node *list = get_list(r, node, "extensions");
  for (size_t i = 0; list && i < list->count && !r->err; i++) {
    const moon_node *item = list->items[i];
    if (item->type == MOON_NODE_NULL) continue;
    size_t before = enter(r, "extensions[%zu]", i);
    if (item->type == MOON_NODE_MAPPING)
      get(r, item, "name", MOON_NODE_STRING, "a string");
    else
      fail_type(r, item, NULL, "a mapping with name and extension");
    leave(r, before);
  }
}

static void check_preferences(reader *r, const moon_node *root) {
  const moon_node *preferences = get_mapping(r, root, "preferences");
  if (!preferences) return;
  size_t before = enter(r, "preferences");
  get_boolean(r, preferences, "colors");
  check_extensions(r, preferences);
  leave(r, before);
}

/* ------------------------------------------------------------------------------------------------- parts of a user */

/* env is a list of {name, value}; kept as NAME=value. */
static char **read_env(reader *r, const moon_node *exec) {
  const moon_node *list = get_list(r, exec, "env");
  if (!list || !list->count) return NULL;
  char **env = moon_zalloc((list->count + 1) * sizeof *env);
  for (size_t i = 0; i < list->count && !r->err; i++) {
    const moon_node *item = list->items[i];
    size_t before = enter(r, "env[%zu]", i);
    if (item->type == MOON_NODE_NULL)
      item = NULL; /* a variable without a name, as in kubectl */
    else if (item->type != MOON_NODE_MAPPING)
      fail_type(r, item, NULL, "a mapping with name and value");
    char *name = get_text(r, item, "name"), *value = get_text(r, item, "value");
    env[i] = moon_sprintf("%s=%s", name ? name : "", value ? value : "");
    free(name);
    moon_free_secret_text(value);
    leave(r, before);
  }
  return env;
}

/* A mapping of texts that nobody here looks at. */
static void check_texts(reader *r, const moon_node *node, const char *field) {
  const moon_node *texts = get_mapping(r, node, field);
  size_t before = texts ? enter(r, "%s", field) : 0;
  for (size_t i = 0; texts && i < texts->count && !r->err; i += 2)
    if (!texts->items[i]->merge) get(r, texts, texts->items[i]->text, MOON_NODE_STRING, "a string");
  if (texts) leave(r, before);
}

static moon_exec_spec *read_exec(reader *r, const moon_node *user) {
  const moon_node *node = get_mapping(r, user, "exec");
  if (!node) return NULL;
  size_t before = enter(r, "exec");
  moon_exec_spec *exec = moon_zalloc(sizeof *exec);
  exec->api_version = get_text(r, node, "apiVersion");
  exec->command = get_text(r, node, "command");
  if (exec->command && strchr(exec->command, '/')) exec->command = place_path(r, exec->command);
  exec->install_hint = get_text(r, node, "installHint");
  exec->interactive_mode = get_text(r, node, "interactiveMode");
  exec->args = get_texts(r, node, "args");
  exec->env = read_env(r, node);
  exec->provide_cluster_info = get_boolean(r, node, "provideClusterInfo");
  leave(r, before);
  return exec;
}

/* An auth-provider's settings, all of them text; those of the one kind that is known are kept. */
static void read_auth_provider(reader *r, const moon_node *node, moon_user_entry *user) {
  const moon_node *provider = get_mapping(r, node, "auth-provider");
  if (!provider) return;
  size_t before = enter(r, "auth-provider");
  user->auth_provider = get_text(r, provider, "name");
  if (!user->auth_provider) user->auth_provider = moon_strdup("(no name)");
  check_texts(r, provider, "config");
  const moon_node *config = get_mapping(r, provider, "config");
  if (strcmp(user->auth_provider, "oidc") == 0) {
    size_t inner = enter(r, "config");
    moon_oidc_spec *oidc = user->oidc = moon_zalloc(sizeof *oidc);
    oidc->issuer = get_text(r, config, "idp-issuer-url");
    oidc->client_id = get_text(r, config, "client-id");
    oidc->client_secret = get_text(r, config, "client-secret");
    oidc->id_token = get_text(r, config, "id-token");
    oidc->refresh_token = get_text(r, config, "refresh-token");
    oidc->ca = get_data(r, config, "idp-certificate-authority-data");
    user->oidc_ca_file = get_path(r, config, "idp-certificate-authority");
    leave(r, inner);
  }
  leave(r, before);
}

/* The keys of as-user-extra are free, so its pairs are walked as they stand. */
static void read_extra(reader *r, const moon_node *node, moon_user_entry *user) {
  const moon_node *extra = get_mapping(r, node, "as-user-extra");
  if (!extra || !extra->count) return;
  size_t before = enter(r, "as-user-extra");
  user->impersonate_extra = moon_zalloc(extra->count / 2 * sizeof *user->impersonate_extra);
  for (size_t i = 0; i < extra->count && !r->err; i += 2) {
    const moon_node *key = extra->items[i];
    if (key->merge) {
      fail(r, key, NULL, "a merge key is not supported here; write the keys out");
      break;
    }
    /* The last of equal keys wins: it is what moon_node_get finds. */
    if (moon_node_get(extra, key->text) != extra->items[i + 1]) continue;
    moon_impersonate_extra *one = &user->impersonate_extra[user->impersonate_extra_count++];
    one->key = copy_text(r, key, NULL);
    one->values = one->key ? get_texts(r, extra, one->key) : NULL;
    if (!one->values) one->values = moon_zalloc(sizeof *one->values);
  }
  leave(r, before);
}

/* ----------------------------------------------------------------------------------------------- the three sections */

/* What a cluster has for credential plugins: its extension of that name. */
static char *read_exec_config(reader *r, const moon_node *cluster) {
  const moon_node *list = get_list(r, cluster, "extensions");
  char *config = NULL;
  for (size_t i = 0; list && i < list->count && !r->err && !config; i++) {
    const moon_node *item = list->items[i], *value;
    if (item->type != MOON_NODE_MAPPING) continue;
    const moon_node *name = moon_node_get(item, "name");
    if (!name || !name->text || strcmp(name->text, "client.authentication.k8s.io/exec") != 0) continue;
    value = moon_node_get(item, "extension");
    if (value) config = moon_node_json(value);
  }
  return config;
}

/* A URL without the user name and password that it may hold. */
static char *without_user(const char *url) {
  const char *slashes = url ? strstr(url, "://") : NULL, *at = url ? strrchr(url, '@') : NULL;
  int scheme_len = slashes ? (int)(slashes + 3 - url) : 0;
  return at ? moon_sprintf("%.*s%s", scheme_len, url, at + 1) : moon_strdup(url);
}

static moon_entry *read_cluster(reader *r, const moon_node *node) {
  moon_cluster_entry *cluster = moon_zalloc(sizeof *cluster);
  cluster->server = get_text(r, node, "server");
  cluster->tls_server_name = get_text(r, node, "tls-server-name");
  cluster->ca_file = get_path(r, node, "certificate-authority");
  cluster->ca_data = get_data(r, node, "certificate-authority-data");
  cluster->proxy_url = get_text(r, node, "proxy-url");
  cluster->insecure_skip_tls_verify = get_boolean(r, node, "insecure-skip-tls-verify");
  cluster->disable_compression = get_boolean(r, node, "disable-compression");
  check_extensions(r, node);
  cluster->exec_config = read_exec_config(r, node);
  cluster->server_shown = without_user(cluster->server);
  cluster->proxy_url_shown = without_user(cluster->proxy_url);
  return &cluster->entry;
}

static moon_entry *read_user(reader *r, const moon_node *node) {
  moon_user_entry *user = moon_zalloc(sizeof *user);
  user->client_cert_file = get_path(r, node, "client-certificate");
  user->client_cert_data = get_data(r, node, "client-certificate-data");
  user->client_key_file = get_path(r, node, "client-key");
  user->client_key_data = get_data(r, node, "client-key-data");
  user->token = get_text(r, node, "token");
  user->token_file = get_path(r, node, "tokenFile");
  user->username = get_text(r, node, "username");
  user->password = get_text(r, node, "password");
  user->exec = read_exec(r, node);
  user->impersonate_user = get_text(r, node, "as");
  user->impersonate_uid = get_text(r, node, "as-uid");
  user->impersonate_groups = get_texts(r, node, "as-groups");
  read_extra(r, node, user);
  check_extensions(r, node);
  read_auth_provider(r, node, user);
  return &user->entry;
}

static moon_entry *read_context(reader *r, const moon_node *node) {
  moon_context_entry *context = moon_zalloc(sizeof *context);
  context->cluster = get_text(r, node, "cluster");
  context->user = get_text(r, node, "user");
  context->namespace_ = get_text(r, node, "namespace");
  check_extensions(r, node);
  return &context->entry;
}

/* One of the three lists: items of {name, <kind>: {...}}. An item without a name can never be referred to; it is read
 * as any other, for its mistakes, and left out when what was read is merged. */
static void read_section(reader *r, const moon_node *root, const char *section, const char *kind,
                         moon_entry *(*read)(reader *, const moon_node *), moon_entries *entries) {
  const moon_node *list = get_list(r, root, section);
  for (size_t i = 0; list && i < list->count && !r->err; i++) {
    const moon_node *item = list->items[i];
    if (item->type == MOON_NODE_NULL) continue;
    size_t before = enter(r, "%s[%zu]", section, i);
    if (item->type != MOON_NODE_MAPPING) {
      char *expected = moon_sprintf("a mapping with name and %s", kind);
      fail_type(r, item, NULL, expected);
      free(expected);
      return;
    }
    char *name = get_text(r, item, "name");
    const moon_node *body = get_mapping(r, item, kind);
    if (!name) name = moon_strdup("");
    moon_entry *same = moon_entries_find(entries, name);
    if (same) {
      char *what = moon_sprintf("\"%s\" is defined twice (first at %s)", name, same->place);
      fail(r, item, "name", what);
      free(what);
    }
    if (!r->err) {
      size_t inner = enter(r, "%s", kind);
      moon_entry *entry = read(r, body);
      entry->name = name;
      entry->place = moon_sprintf("%s:%zu", r->name, item->line);
      moon_entries_add(entries, entry);
      leave(r, inner);
    } else {
      free(name);
    }
    leave(r, before);
  }
}

/* A file that says it is something else is most likely the wrong file. */
static void check_kind(reader *r, const moon_node *root, const char *field, const char *expected) {
  char *value = get_text(r, root, field);
  if (value && strcmp(value, expected) != 0) {
    char *what = moon_sprintf("expected \"%s\", the %s of a kubeconfig, got \"%.40s\"", expected, field, value);
    fail(r, moon_node_get(root, field), field, what);
    free(what);
  }
  free(value);
}

moon_error *moon_kubeconfig_read(moon_kubeconfig *config, const moon_document *document, const char *name,
                                 const char *folder) {
  const moon_node *root = document->root;
  if (!root || root->type == MOON_NODE_NULL) return NULL;
  reader r = {.name = name, .folder = folder};
  if (root->type == MOON_NODE_MAPPING) {
    check_kind(&r, root, "kind", "Config");
    check_kind(&r, root, "apiVersion", "v1");
    check_preferences(&r, root);
    check_extensions(&r, root);
    read_section(&r, root, "clusters", "cluster", read_cluster, &config->clusters);
    read_section(&r, root, "users", "user", read_user, &config->users);
    read_section(&r, root, "contexts", "context", read_context, &config->contexts);
    config->current_context = get_text(&r, root, "current-context");
  } else {
    fail_type(&r, root, NULL, "a kubeconfig (a mapping with clusters, users and contexts)");
  }
  moon_buffer_free(&r.path);
  if (!r.err && document->endless_line) /* kubectl goes by way of JSON, whatever field it is in */
    r.err = moon_error_new(MOON_CONFIG, "%s:%zu: a number that is infinite, or none, cannot be used", name,
                           document->endless_line);
  return r.err;
}
