/* kubeconfig.h: kubeconfig files as data, by kubectl's rules.
 *
 * Rules, from kubectl's documentation and client-go's loader:
 *  - $KUBECONFIG is a list separated by ':'; duplicates and missing files are skipped, unreadable or broken files are
 *    errors. Without it, ~/.kube/config, which may be missing. An explicit path must exist and is the only file read.
 *  - Merging: the first file to define a name (cluster, user, context) wins with its whole entry; current-context comes
 *    from the first file that sets it to something not empty.
 *  - Relative paths (certificate-authority, client-certificate, client-key, tokenFile, idp-certificate-authority) begin
 *    at the folder of the file that defines them, the exec command only if it contains a slash. `*-data` beats the file
 *    field.
 *  - Unknown fields are ignored; a wrong type is an error that says file, line and what was expected. The YAML is read
 *    as kubectl reads it (see document.h): a plain `yes` or `12` is no string. An empty file is an empty kubeconfig;
 *    one that says it is something else (kind: Pod) is an error. Two entries of one name in one file are an error.
 *  - A token file beats the token; the token stays as the fall-back while the file cannot be read.
 *  - A server is https://host, http://host, or (which kubectl does not know) unix:///path: plain http over a socket, as
 *    `kubectl proxy --unix-socket` offers it.
 *  - Credentials and impersonation are left out of a target whose server is plain http.
 *
 * A moon_kubeconfig is not thread safe; the targets made from it are shared freely. Errors are of kind MOON_CONFIG, or
 * MOON_CREDENTIAL where a certificate or key file cannot be read. No error text holds a secret. */
#ifndef MOON_KUBE_KUBECONFIG_H
#define MOON_KUBE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "kube/target.h"
#include "moonpool.h"

typedef struct moon_kubeconfig moon_kubeconfig;

moon_kubeconfig *moon_kubeconfig_new(void); /* empty */
void moon_kubeconfig_free(moon_kubeconfig *config);

/* Each adds to what is there, by the merge rules: what is already defined wins. On error nothing has changed, except
 * that resolving a context of a config that is still empty repeats the error. */
moon_error *moon_kubeconfig_load_file(moon_kubeconfig *config, const char *path);
/* `name` stands for the file in messages ("<string>"); relative paths are relative to `folder` (NULL: the current one).
 */
moon_error *moon_kubeconfig_load_text(moon_kubeconfig *config, const char *text, size_t len, const char *name,
                                      const char *folder);
/* $KUBECONFIG, else ~/.kube/config, else (when neither exists and a pod's environment is there) in-cluster. None of
 * them is no error: the config stays empty, and resolving a context says where was looked. */
moon_error *moon_kubeconfig_load_default(moon_kubeconfig *config);
/* The pod's own service account (KUBERNETES_SERVICE_HOST/PORT and the files under
 * /var/run/secrets/kubernetes.io/serviceaccount), as context "in-cluster". */
moon_error *moon_kubeconfig_load_in_cluster(moon_kubeconfig *config);

/* What is in it. Pointers belong to the config and are valid until it is changed or freed. */
typedef struct moon_context_info {
  const char *name, *cluster, *user, *namespace_; /* namespace_: NULL when not set */
} moon_context_info;
typedef struct moon_cluster_info {
  const char *name, *tls_server_name, *certificate_authority /* file, or NULL */;
  const char *server, *proxy_url; /* without the user name and password that they may hold */
  bool insecure_skip_tls_verify, has_ca_data;
} moon_cluster_info;
typedef struct moon_user_info {
  const char *name, *username, *client_certificate /* file, or NULL */, *token_file, *exec_command, *auth_provider;
  bool has_token, has_password, has_client_certificate;
} moon_user_info;

size_t moon_kubeconfig_context_count(const moon_kubeconfig *config);
size_t moon_kubeconfig_cluster_count(const moon_kubeconfig *config);
size_t moon_kubeconfig_user_count(const moon_kubeconfig *config);
void moon_kubeconfig_context_at(const moon_kubeconfig *config, size_t index, moon_context_info *out);
void moon_kubeconfig_cluster_at(const moon_kubeconfig *config, size_t index, moon_cluster_info *out);
void moon_kubeconfig_user_at(const moon_kubeconfig *config, size_t index, moon_user_info *out);

const char *moon_kubeconfig_current_context(const moon_kubeconfig *config); /* NULL when not set */
/* Fails, naming the contexts there are and the nearest one, when there is no such context. */
moon_error *moon_kubeconfig_set_current_context(moon_kubeconfig *config, const char *name);

/* Resolves a context (NULL: the current one) into a target with one reference. Reads the certificate, key and token
 * files that it names. Fails when the context, its cluster or its user is not defined, the server URL is none
 * of those above, a certificate comes without its key, a file cannot be read, or fields contradict each other (a CA
 * together with insecure-skip-tls-verify, a token together with a password, groups to impersonate without a user). An
 * auth-provider counts where there is no token, password or client certificate: "oidc" is handed on, and every other
 * is an error, since going on without it would be anonymous. Exec plugins and proxies are handed on as they stand. */
moon_error *moon_kubeconfig_target(const moon_kubeconfig *config, const char *context, moon_target **out);

#endif
