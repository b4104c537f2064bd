/* exec_credential.c: see exec_credential.h. */
#include "net/exec_credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "kube/files.h"

static const char *const versions[] = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"};

moon_error *moon_exec_check(const moon_exec_spec *spec) {
  if (strcmp(spec->api_version, versions[0]) && strcmp(spec->api_version, versions[1])) {
    return moon_error_new(MOON_CREDENTIAL,
                          "credential plugin \"%s\": apiVersion \"%s\" is not supported: expected %s or %s",
                          spec->command, spec->api_version, versions[0], versions[1]);
  }
  if (!spec->interactive_mode || strcmp(spec->interactive_mode, "Always")) return NULL;
  return moon_error_new(MOON_CREDENTIAL,
                        "credential plugin \"%s\" must be able to ask a person (interactiveMode: Always), which is not "
                        "possible here: connections are made in the background. If it can do without, set "
                        "interactiveMode to IfAvailable; else sign in with it beforehand, and use the token that it "
                        "gives",
                        spec->command);
}

/* --- what it is told --- */

static void add_text(cJSON *object, const char *name, const char *text) {
  if (text && *text) cJSON_AddStringToObject(object, name, text);
}

static void add_cluster(cJSON *spec, const moon_target *target) {
  cJSON *cluster = cJSON_AddObjectToObject(spec, "cluster");
  add_text(cluster, "server", target->server);
  add_text(cluster, "tls-server-name", target->tls_server_name);
  if (target->insecure_skip_tls_verify) cJSON_AddTrueToObject(cluster, "insecure-skip-tls-verify");
  if (target->ca.data) {
    char *encoded = moon_zalloc(4 * ((target->ca.len + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)target->ca.data, (int)target->ca.len);
    add_text(cluster, "certificate-authority-data", encoded);
    free(encoded);
  }
  add_text(cluster, "proxy-url", target->proxy_url);
  if (target->disable_compression) cJSON_AddTrueToObject(cluster, "disable-compression");
  if (target->exec_config) cJSON_AddRawToObject(cluster, "config", target->exec_config);
}

char *moon_exec_info(const moon_target *target) {
  cJSON *info = cJSON_CreateObject();
  cJSON_AddStringToObject(info, "apiVersion", target->exec->api_version);
  cJSON_AddStringToObject(info, "kind", "ExecCredential");
  cJSON *spec = cJSON_AddObjectToObject(info, "spec");
  if (target->exec->provide_cluster_info) add_cluster(spec, target);
  cJSON_AddFalseToObject(spec, "interactive");
  char *text = cJSON_PrintUnformatted(info);
  cJSON_Delete(info);
  if (!text) abort(); /* out of memory: see alloc.h */
  return text;
}

/* --- what it answers --- */

/* cJSON frees without wiping. */
static void wipe(cJSON *item) {
  for (; item; item = item->next) {
    if (item->valuestring) OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
    wipe(item->child);
  }
}

static const char *text_in(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text && *text ? text : NULL;
}

/* Milliseconds since 1970 of "2026-11-23T08:20:10.5Z" or "...+01:00"; false when it is not such a time. */
static bool read_time(const char *text, int64_t *out) {
  struct tm at = {0};
  int end = 0;
  if (sscanf(text, "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d%n", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour, &at.tm_min,
             &at.tm_sec, &end) != 6 ||
      !end || at.tm_mon < 1 || at.tm_mon > 12 || at.tm_mday < 1 || at.tm_mday > 31 || at.tm_hour > 23 ||
      at.tm_min > 59 || at.tm_sec > 60)
    return false;
  const char *rest = text + end;
  if (*rest == '.') {
    size_t digits = strspn(rest + 1, "0123456789");
    if (!digits) return false;
    rest += 1 + digits;
  }
  int hours = 0, minutes = 0;
  if (*rest == '+' || *rest == '-') {
    int zone = 0;
    if (sscanf(rest + 1, "%2d:%2d%n", &hours, &minutes, &zone) != 2 || zone != 5 || rest[6]) return false;
    if (*rest == '-') hours = -hours, minutes = -minutes;
  } else if ((*rest != 'Z' && *rest != 'z') || rest[1]) {
    return false;
  }
  at.tm_year -= 1900;
  at.tm_mon--;
  *out = ((int64_t)timegm(&at) - hours * 3600 - minutes * 60) * 1000;
  return true;
}

static moon_error *read_life(const cJSON *status, int64_t *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(status, "expirationTimestamp");
  int64_t at_ms;
  *out = -1;
  if (!item || cJSON_IsNull(item)) return NULL;
  if (!cJSON_IsString(item) || !read_time(item->valuestring, &at_ms))
    return moon_error_new(MOON_CREDENTIAL, "status.expirationTimestamp is not a time as in 2030-01-31T12:00:00Z");
  *out = at_ms - moon_clock_wall_ms();
  if (*out > 0) return NULL;
  return moon_error_new(MOON_CREDENTIAL,
                        "it expired %lld s ago (status.expirationTimestamp); is this machine's clock "
                        "right?",
                        (long long)(-*out / 1000));
}

static moon_error *read_certificate(const char *cert, const char *key, moon_certificate **out) {
  if (!cert && !key) return NULL;
  if (!cert || !key) {
    return moon_error_new(MOON_CREDENTIAL, "it has a client %s without its %s", cert ? "certificate" : "key",
                          cert ? "key (status.clientKeyData)" : "certificate (status.clientCertificateData)");
  }
  const moon_bytes cert_pem = {(char *)cert, strlen(cert)}, key_pem = {(char *)key, strlen(key)};
  return moon_certificate_new("status", &cert_pem, &key_pem, out);
}

static moon_error *read_answer(const moon_exec_spec *spec, const cJSON *root, moon_renewed *out) {
  const char *kind = text_in(root, "kind"), *version = text_in(root, "apiVersion");
  const cJSON *status = cJSON_GetObjectItemCaseSensitive(root, "status");
  if (!cJSON_IsObject(root)) return moon_error_new(MOON_CREDENTIAL, "it is not a JSON object");
  if (!kind || strcmp(kind, "ExecCredential")) return moon_error_new(MOON_CREDENTIAL, "its kind is not ExecCredential");
  if (!version || strcmp(version, spec->api_version)) {
    bool known = version && (!strcmp(version, versions[0]) || !strcmp(version, versions[1]));
    return moon_error_new(MOON_CREDENTIAL, "its apiVersion is %s, but the kubeconfig says %s",
                          known ? version : "another one", spec->api_version);
  }
  if (!cJSON_IsObject(status)) return moon_error_new(MOON_CREDENTIAL, "it has no status");
  const char *token = text_in(status, "token"), *cert = text_in(status, "clientCertificateData"),
             *key = text_in(status, "clientKeyData");
  if (!token && !cert && !key)
    return moon_error_new(MOON_CREDENTIAL, "its status has neither a token nor a client certificate");
  if (!moon_text_fits_header(token))
    return moon_error_new(MOON_CREDENTIAL, "status.token has a line break or another control character in it");
  moon_error *err = read_life(status, &out->life_ms);
  if (!err) err = read_certificate(cert, key, &out->certificate);
  if (!err) out->token = moon_strdup(token);
  return err;
}

moon_error *moon_exec_answer_read(const moon_exec_spec *spec, const char *text, size_t len, moon_renewed *out) {
  *out = (moon_renewed){.life_ms = -1};
  cJSON *root = len ? cJSON_ParseWithLength(text, len) : NULL;
  moon_error *err;
  if (!root)
    err = moon_error_new(MOON_CREDENTIAL, len ? "it is not JSON" : "it is empty");
  else
    err = read_answer(spec, root, out);
  wipe(root);
  cJSON_Delete(root);
  if (!err) return NULL;
  moon_renewed_clear(out);
  moon_error *told = moon_error_new(MOON_CREDENTIAL, "the answer of credential plugin \"%s\" cannot be used: %s",
                                    spec->command, err->message);
  moon_error_free(err);
  return told;
}
