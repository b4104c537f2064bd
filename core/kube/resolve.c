/* resolve.c: from a context's name to a target: whom to talk to, and as whom.
 *
 * This is where fields are checked against each other, where certificate, key and token files are read, and where
 * credentials are left out when the server is plain http. Messages name entries with the place of their definition, and
 * files; never what a secret field holds. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/nearest.h"
#include "kube/entries.h"
#include "kube/files.h"

/* --------------------------------------------------------------------------------------------------------- the names
 */

/* "; did you mean ...; there are ...": what a person needs after a name that is not there. */
static char *suggest(const moon_entries *entries, const char *wanted) {
  enum { SHOWN = 20 };
  moon_buffer text = {0};
  const char **names = moon_alloc(entries->count * sizeof *names);
  for (size_t i = 0; i < entries->count; i++) names[i] = entries->items[i]->name;
  const char *nearest = moon_nearest(wanted, names, entries->count);
  if (nearest) moon_buffer_addf(&text, "; did you mean \"%s\"?", nearest);
  if (!entries->count) moon_buffer_add_text(&text, "; none is");
  for (size_t i = 0; i < entries->count && i < SHOWN; i++)
    moon_buffer_addf(&text, "%s%s", i ? ", " : nearest ? " There are: " : "; there are: ", names[i]);
  if (entries->count > SHOWN) moon_buffer_addf(&text, " and %zu more", entries->count - SHOWN);
  free(names);
  return moon_buffer_take(&text);
}

static moon_error *no_such_context(const moon_kubeconfig *config, const char *name) {
  if (!config->contexts.count && config->empty_because)
    return moon_error_new(MOON_CONFIG, "context \"%s\" is not defined: %s", name, config->empty_because);
  char *hint = suggest(&config->contexts, name);
  moon_error *err = moon_error_new(MOON_CONFIG, "context \"%s\" is not defined%s", name, hint);
  free(hint);
  return err;
}

static moon_error *no_current_context(const moon_kubeconfig *config) {
  if (!config->contexts.count && config->empty_because) return moon_error_new(MOON_CONFIG, "%s", config->empty_because);
  if (!config->contexts.count) return moon_error_new(MOON_CONFIG, "the kubeconfig defines no context");
  char *hint = suggest(&config->contexts, "");
  moon_error *err = moon_error_new(MOON_CONFIG, "the kubeconfig sets no current-context: name the one to use%s", hint);
  free(hint);
  return err;
}

moon_error *moon_kubeconfig_set_current_context(moon_kubeconfig *config, const char *name) {
  if (!moon_entries_find(&config->contexts, name)) return no_such_context(config, name);
  char *copy = moon_strdup(name); /* `name` may be the current one itself */
  free(config->current_context);
  config->current_context = copy;
  return NULL;
}

/* ------------------------------------------------------------------------------------------------------- the server */

static bool has_only(const char *text, size_t len, const char *allowed_beside_letters) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
    if (!letter && !strchr(allowed_beside_letters, c)) return false;
  }
  return true;
}

/* The address in the brackets of a URL: IPv6, perhaps with "%25zone". */
static bool is_ipv6(const char *text, size_t len) {
  char address[INET6_ADDRSTRLEN];
  struct in6_addr parsed;
  const char *zone = memchr(text, '%', len);
  size_t address_len = zone ? (size_t)(zone - text) : len;
  if (address_len >= sizeof address) return false;
  if (zone &&
      (len - address_len < 4 || memcmp(zone, "%25", 3) != 0 || !has_only(zone + 3, len - address_len - 3, "._-")))
    return false;
  memcpy(address, text, address_len);
  address[address_len] = '\0';
  return inet_pton(AF_INET6, address, &parsed) == 1;
}

static const char *check_path(const char *path) {
  for (; *path; path++) {
    if ((unsigned char)*path <= ' ' || *path == 0x7f) return "has a space or a control character in its path";
    if (*path == '?' || *path == '#') return "must end with its path: no \"?\" and no \"#\"";
    if (*path == '%' && strspn(path + 1, "0123456789abcdefABCDEF") < 2)
      return "has a \"%\" in its path that is not followed by two hexadecimal digits";
  }
  return NULL;
}

/* The path of a Unix socket, over which plain http is spoken (what `kubectl proxy --unix-socket` makes). */
static const char *normalise_socket(const char *path, char **out) {
  if (*path != '/') return "needs the whole path of a socket after unix://, such as unix:///run/api.sock";
  if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) return "has a path that is too long for a socket";
  if (!moon_text_fits_header(path)) return "has a control character in its path";
  *out = moon_sprintf("unix://%s", path);
  return NULL;
}

/* Brings a server URL into the form scheme://host[:port][/prefix]: scheme and host in lower case, no slash at the end.
 * Returns what is wrong with it, or NULL. */
static const char *normalise_server(const char *text, char **out) {
  const char *host = strstr(text, "://");
  if (strncasecmp(text, "unix://", 7) == 0) return normalise_socket(text + 7, out);
  bool https = strncasecmp(text, "https://", 8) == 0, http = strncasecmp(text, "http://", 7) == 0;
  if (!host) return "has no scheme; write https:// before it";
  if (!https && !http) return "must start with https:// (or http://, or unix:// for a socket's path)";
  host += 3;
  const char *path = host + strcspn(host, "/?#");
  const char *wrong = check_path(path);
  if (wrong) return wrong;

  const char *host_end = path, *port = NULL;
  if (memchr(host, '@', (size_t)(path - host)))
    return "must not hold a user name or password; they belong into the user's entry";
  if (*host == '[') {
    host_end = memchr(host, ']', (size_t)(path - host));
    if (!host_end || !is_ipv6(host + 1, (size_t)(host_end - host - 1))) return "has brackets without an IPv6 address";
    host_end++;
    if (host_end < path && *host_end != ':') return "has something other than a port after the address in brackets";
    if (host_end < path) port = host_end + 1;
  } else {
    const char *colon = memchr(host, ':', (size_t)(path - host));
    if (colon) {
      host_end = colon;
      port = colon + 1;
      if (memchr(port, ':', (size_t)(path - port)))
        return "has more than one colon; an IPv6 address needs brackets: [::1]";
    }
    if (host_end == host) return "names no host";
    if (!has_only(host, (size_t)(host_end - host), ".-_")) return "has a character that host names cannot have";
  }

  moon_buffer url = {0};
  moon_buffer_add_text(&url, https ? "https://" : "http://");
  for (const char *c = host; c < host_end; c++)
    moon_buffer_add_char(&url, *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c);
  if (port && port < path) {
    size_t digits = strspn(port, "0123456789");
    long number = digits <= 5 ? strtol(port, NULL, 10) : 0;
    if (port + digits != path || number < 1 || number > 65535) {
      moon_buffer_free(&url);
      return "needs a port between 1 and 65535 after the colon";
    }
    moon_buffer_addf(&url, ":%ld", number);
  }
  size_t path_len = strlen(path);
  while (path_len && path[path_len - 1] == '/') path_len--;
  moon_buffer_add(&url, path, path_len);
  *out = moon_buffer_take(&url);
  return NULL;
}

/* ----------------------------------------------------------------------------------------------------- certificates */

/* From data or file; data wins. `what` is the field without "-data". PEM is checked by its first line only: the part
 * that uses it parses it. */
static moon_error *read_pem(const moon_entry *entry, const char *what, moon_bytes data, const char *file,
                            moon_bytes *out) {
  if (data.len) {
    *out = moon_bytes_copy(data);
  } else if (!file) {
    return NULL;
  } else if (!moon_file_read(file, out)) {
    return moon_error_new(MOON_CREDENTIAL, "cannot read the %s of \"%s\" (%s), %s: %s", what, entry->name, entry->place,
                          file, strerror(errno));
  }
  if (memmem(out->data, out->len, "-----BEGIN ", 11)) return NULL;
  return moon_error_new(MOON_CREDENTIAL, "the %s of \"%s\" (%s) is not PEM: no line -----BEGIN ...----- in %s", what,
                        entry->name, entry->place, data.len ? "the decoded data" : file);
}

static moon_error *resolve_cluster(const moon_cluster_entry *cluster, moon_target *target) {
  const char *name = cluster->entry.name, *place = cluster->entry.place;
  if (!cluster->server) return moon_error_new(MOON_CONFIG, "cluster \"%s\" (%s) has no server", name, place);
  const char *wrong = normalise_server(cluster->server, &target->server);
  if (wrong) {
    bool secret = strchr(cluster->server, '@') != NULL;
    return moon_error_new(MOON_CONFIG, "the server of cluster \"%s\" (%s) %s%s%s%s", name, place, wrong,
                          secret ? "" : ", got \"", secret ? "" : cluster->server, secret ? "" : "\"");
  }
  if (cluster->insecure_skip_tls_verify && (cluster->ca_data.len || cluster->ca_file))
    return moon_error_new(MOON_CONFIG,
                          "cluster \"%s\" (%s) has a certificate authority and insecure-skip-tls-verify; "
                          "only one of them can be meant",
                          name, place);
  const char *tls_name = cluster->tls_server_name;
  if (tls_name && !has_only(tls_name, strlen(tls_name), ".-_"))
    return moon_error_new(MOON_CONFIG, "the tls-server-name of cluster \"%s\" (%s) is not a host name", name, place);
  target->tls_server_name = moon_strdup(tls_name);
  target->proxy_url = moon_strdup(cluster->proxy_url);
  target->insecure_skip_tls_verify = cluster->insecure_skip_tls_verify;
  target->disable_compression = cluster->disable_compression;
  if (!cluster->ca_data.len) target->ca_file = moon_strdup(cluster->ca_file);
  target->exec_config = moon_strdup(cluster->exec_config);
  return read_pem(&cluster->entry, "certificate-authority", cluster->ca_data, cluster->ca_file, &target->ca);
}

/* --------------------------------------------------------------------------------------------------------- the user */

static bool list_fits_header(char *const *list) {
  for (; list && *list; list++)
    if (!moon_text_fits_header(*list)) return false;
  return true;
}

/* The first of the fields that go into HTTP headers which cannot, or NULL. */
static const char *unfit_field(const moon_user_entry *user) {
  if (!moon_text_fits_header(user->token)) return "token";
  if (!moon_text_fits_header(user->username)) return "username";
  if (!moon_text_fits_header(user->password)) return "password";
  if (!moon_text_fits_header(user->impersonate_user)) return "as";
  if (!moon_text_fits_header(user->impersonate_uid)) return "as-uid";
  if (!list_fits_header(user->impersonate_groups)) return "as-groups";
  for (size_t i = 0; i < user->impersonate_extra_count; i++)
    if (!list_fits_header(user->impersonate_extra[i].values)) return "as-user-extra";
  return NULL;
}

/* What is wrong with a plugin's declaration, or NULL. */
static const char *check_exec(const moon_exec_spec *exec) {
  if (!exec->command) return "has no command";
  if (!exec->api_version) return "has no apiVersion (client.authentication.k8s.io/v1 or /v1beta1)";
  for (char **variable = exec->env; variable && *variable; variable++)
    if (**variable == '=') return "has an environment variable without a name";
  const char *mode = exec->interactive_mode;
  if (!mode)
    return strcmp(exec->api_version, "client.authentication.k8s.io/v1") == 0
               ? "has no interactiveMode (Never, IfAvailable or Always), which v1 requires"
               : NULL;
  bool known = strcmp(mode, "Never") == 0 || strcmp(mode, "IfAvailable") == 0 || strcmp(mode, "Always") == 0;
  return known ? NULL : "has an interactiveMode other than Never, IfAvailable and Always";
}

/* What is wrong with the settings for an identity provider, or NULL. */
static const char *check_oidc(const moon_oidc_spec *oidc) {
  if (!oidc->issuer) return "has no idp-issuer-url";
  if (strncasecmp(oidc->issuer, "https://", 8)) return "has an idp-issuer-url that does not start with https://";
  if (!oidc->issuer[8] || oidc->issuer[8] == '/') return "has an idp-issuer-url without a host";
  if (strpbrk(oidc->issuer, "?#@ ")) return "has an idp-issuer-url with a query, a user name or a space in it";
  if (!oidc->client_id) return "has no client-id";
  if (!oidc->id_token && !oidc->refresh_token) return "has neither an id-token nor a refresh-token: sign in first";
  return moon_text_fits_header(oidc->id_token) ? NULL : "has an id-token with a control character in it";
}

/* Whether a user has something by which it signs in besides plugins and providers, which then are not asked. */
static bool has_own_identity(const moon_user_entry *user) {
  return user->token || user->token_file || user->username || user->password || user->client_cert_data.len ||
         user->client_cert_file;
}

static moon_error *check_user(const moon_user_entry *user) {
  const char *name = user->entry.name, *place = user->entry.place, *wrong = NULL;
  bool has_basic = user->username || user->password;
  bool has_cert = user->client_cert_data.len || user->client_cert_file;
  bool has_key = user->client_key_data.len || user->client_key_file;
  bool has_extra = user->impersonate_uid || user->impersonate_groups || user->impersonate_extra_count;
  if (user->token && has_basic) wrong = "has a token and a user name or password; only one of them can be meant";
  if (has_cert && !has_key) wrong = "has a client certificate without its key (client-key or client-key-data)";
  if (has_key && !has_cert) wrong = "has a client key without its certificate (client-certificate or -data)";
  if (has_extra && !user->impersonate_user) wrong = "impersonates a uid, groups or extra without a user (as)";
  if (user->exec && user->auth_provider) wrong = "has an exec plugin and an auth-provider; only one can be meant";
  if (wrong) return moon_error_new(MOON_CONFIG, "user \"%s\" (%s) %s", name, place, wrong);
  if (user->auth_provider && !user->oidc && !has_own_identity(user))
    return moon_error_new(MOON_CREDENTIAL,
                          "user \"%s\" (%s) signs in with auth-provider \"%s\", which is not supported: Kubernetes "
                          "replaced auth-providers by exec plugins",
                          name, place, user->auth_provider);
  if (user->oidc && !has_own_identity(user) && (wrong = check_oidc(user->oidc)))
    return moon_error_new(MOON_CREDENTIAL, "the auth-provider of user \"%s\" (%s) %s", name, place, wrong);
  if (user->exec && (wrong = check_exec(user->exec)))
    return moon_error_new(MOON_CONFIG, "the exec plugin of user \"%s\" (%s) %s", name, place, wrong);
  if ((wrong = unfit_field(user)))
    return moon_error_new(MOON_CREDENTIAL,
                          "the %s of user \"%s\" (%s) has a line break or another control character in it", wrong, name,
                          place);
  return NULL;
}

/* The token that a file holds now; the one of the kubeconfig stands in while the file cannot be used. */
static moon_error *read_token(const moon_user_entry *user, moon_target *target) {
  const char *wrong;
  target->token = moon_token_read(user->token_file, &wrong);
  if (!target->token) target->token = moon_strdup(user->token);
  if (target->token) return NULL;
  return moon_error_new(MOON_CREDENTIAL, "cannot use the token file %s of user \"%s\" (%s): %s", user->token_file,
                        user->entry.name, user->entry.place, wrong);
}

static bool has_identity(const moon_user_entry *user) {
  return has_own_identity(user) || user->exec || user->auth_provider || user->impersonate_user;
}

static moon_error *resolve_oidc(const moon_user_entry *user, moon_target *target) {
  moon_oidc_spec *oidc = target->oidc = moon_oidc_spec_copy(user->oidc);
  for (size_t len = strlen(oidc->issuer); oidc->issuer[len - 1] == '/';) oidc->issuer[--len] = '\0';
  moon_bytes_wipe(&oidc->ca);
  return read_pem(&user->entry, "idp-certificate-authority", user->oidc->ca, user->oidc_ca_file, &oidc->ca);
}

static moon_error *resolve_user(const moon_user_entry *user, moon_target *target) {
  if (strncmp(target->server, "https://", 8) != 0) {
    target->credentials_withheld = has_identity(user);
    return NULL;
  }
  moon_error *err = check_user(user);
  if (!err)
    err = read_pem(&user->entry, "client-certificate", user->client_cert_data, user->client_cert_file,
                   &target->client_cert);
  if (!err)
    err = read_pem(&user->entry, "client-key", user->client_key_data, user->client_key_file, &target->client_key);
  if (!err && user->token_file) err = read_token(user, target);
  if (!err && user->oidc && !has_own_identity(user)) err = resolve_oidc(user, target);
  if (err) return err;
  if (!target->token) target->token = moon_strdup(user->token);
  target->token_file = moon_strdup(user->token_file);
  if (!user->client_cert_data.len) target->client_cert_file = moon_strdup(user->client_cert_file);
  if (!user->client_key_data.len) target->client_key_file = moon_strdup(user->client_key_file);
  target->username = moon_strdup(user->username);
  target->password = moon_strdup(user->password);
  target->exec = moon_exec_spec_copy(user->exec);
  target->impersonate_user = moon_strdup(user->impersonate_user);
  target->impersonate_uid = moon_strdup(user->impersonate_uid);
  target->impersonate_groups = moon_text_list_copy(user->impersonate_groups);
  target->impersonate_extra = moon_impersonate_extra_copy(user->impersonate_extra, user->impersonate_extra_count);
  target->impersonate_extra_count = user->impersonate_extra_count;
  return NULL;
}

/* ------------------------------------------------------------------------------------------------------ the context */

/* The entry that a context refers to, or an error that says what there is. */
static moon_error *refer(const moon_context_entry *context, const char *kind, const moon_entries *entries,
                         const char *name, const moon_entry **out) {
  *out = moon_entries_find(entries, name);
  if (*out) return NULL;
  char *hint = suggest(entries, name);
  moon_error *err = moon_error_new(MOON_CONFIG, "context \"%s\" (%s) refers to %s \"%s\", which is not defined%s",
                                   context->entry.name, context->entry.place, kind, name, hint);
  free(hint);
  return err;
}

moon_error *moon_kubeconfig_target(const moon_kubeconfig *config, const char *name, moon_target **out) {
  if (!name) name = config->current_context;
  if (!name) return no_current_context(config);
  const moon_context_entry *context = (const moon_context_entry *)moon_entries_find(&config->contexts, name);
  if (!context) return no_such_context(config, name);
  if (!context->cluster)
    return moon_error_new(MOON_CONFIG, "context \"%s\" (%s) names no cluster", name, context->entry.place);

  const moon_entry *cluster = NULL, *user = NULL;
  moon_error *err = refer(context, "cluster", &config->clusters, context->cluster, &cluster);
  if (!err && context->user) err = refer(context, "user", &config->users, context->user, &user);
  if (err) return err;

  moon_target *target = moon_target_new();
  target->context = moon_strdup(name);
  target->cluster = moon_strdup(context->cluster);
  target->user = moon_strdup(context->user);
  target->namespace_ = moon_strdup(context->namespace_ ? context->namespace_ : "default");
  err = resolve_cluster((const moon_cluster_entry *)cluster, target);
  if (!err && user) err = resolve_user((const moon_user_entry *)user, target);
  if (err) {
    moon_target_release(target);
    return err;
  }
  *out = target;
  return NULL;
}
