/* oidc_message.c: see oidc_message.h; OpenID Connect Discovery 1.0, and RFC 6749 for the rest. */
#include "net/oidc_message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "kube/base64.h"
#include "kube/files.h"
#include "net/redact.h"

/* cJSON frees without wiping. */
static void wipe(cJSON *item) {
  for (; item; item = item->next) {
    if (item->valuestring) OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
    wipe(item->child);
  }
}

static void free_json(cJSON *root) {
  wipe(root);
  cJSON_Delete(root);
}

static const char *text_in(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text && *text ? text : NULL;
}

/* --- tokens --- */

int64_t moon_oidc_token_end_s(const char *token) {
  const char *claims = strchr(token, '.'), *end = claims ? strchr(claims + 1, '.') : NULL;
  if (!end) return -1;
  size_t len = (size_t)(end - ++claims), padding = (4 - len % 4) % 4, wrong_at;
  char *text = moon_alloc(len + padding + 1); /* from base64url to base64 */
  for (size_t i = 0; i < len; i++) text[i] = claims[i] == '-' ? '+' : claims[i] == '_' ? '/' : claims[i];
  memset(text + len, '=', padding);
  moon_bytes json = {0};
  double end_s = -1;
  if (moon_base64_decode(text, len + padding, &json, &wrong_at)) {
    cJSON *root = json.data ? cJSON_ParseWithLength(json.data, json.len) : NULL;
    const cJSON *exp = cJSON_GetObjectItemCaseSensitive(root, "exp");
    if (cJSON_IsNumber(exp) && exp->valuedouble > 0 && exp->valuedouble < 1e15) end_s = floor(exp->valuedouble);
    free_json(root);
  }
  moon_bytes_wipe(&json);
  moon_free_secret(text, len);
  return (int64_t)end_s;
}

/* --- discovery --- */

static bool is_listed(const cJSON *list, const char *name) {
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    const char *text = cJSON_GetStringValue(item);
    if (text && !strcmp(text, name)) return true;
  }
  return false;
}

static moon_error *read_place(const cJSON *root, moon_oidc_place *out) {
  const char *url = text_in(root, "token_endpoint");
  const cJSON *methods = cJSON_GetObjectItemCaseSensitive(root, "token_endpoint_auth_methods_supported");
  if (!url) return moon_error_new(MOON_CREDENTIAL, "its discovery document has no token_endpoint");
  if (strncasecmp(url, "https://", 8) || !moon_text_fits_header(url) || strpbrk(url, "#@ "))
    return moon_error_new(MOON_CREDENTIAL, "the token_endpoint of its discovery document is not an https URL");
  size_t server_len = 8 + strcspn(url + 8, "/?");
  out->server = moon_strndup(url, server_len);
  out->path = moon_sprintf("%s%s", url[server_len] == '/' ? "" : "/", url + server_len);
  out->secret_in_form = is_listed(methods, "client_secret_post") && !is_listed(methods, "client_secret_basic");
  return NULL;
}

moon_error *moon_oidc_place_read(const moon_oidc_spec *spec, const char *text, size_t len, moon_oidc_place *out) {
  *out = (moon_oidc_place){0};
  cJSON *root = len ? cJSON_ParseWithLength(text, len) : NULL;
  moon_error *err = cJSON_IsObject(root) ? read_place(root, out)
                                         : moon_error_new(MOON_CREDENTIAL, "its discovery document is not JSON");
  out->secret_in_form = out->secret_in_form || !spec->client_secret;
  free_json(root);
  return err;
}

void moon_oidc_place_clear(moon_oidc_place *place) {
  free(place->server);
  free(place->path);
  *place = (moon_oidc_place){0};
}

/* --- asking --- */

/* As a web form has it. The caller's, to be wiped. */
static char *form_encoded(const char *text) {
  static const char digits[] = "0123456789ABCDEF";
  char *encoded = moon_alloc(3 * strlen(text) + 1), *to = encoded;
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._", *c);
    *to++ = plain ? (char)*c : '%';
    if (plain) continue;
    *to++ = digits[*c >> 4];
    *to++ = digits[*c & 15];
  }
  *to = '\0';
  return encoded;
}

static char *basic_header(const char *id, const char *secret) {
  char *pair = moon_sprintf("%s:%s", id, secret);
  size_t len = strlen(pair);
  char *encoded = moon_zalloc(4 * ((len + 2) / 3) + 1);
  EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)len);
  char *line = moon_sprintf("Authorization: Basic %s", encoded);
  moon_free_secret_text(pair);
  moon_free_secret_text(encoded);
  return line;
}

moon_request *moon_oidc_request_new(const moon_oidc_spec *spec, const char *refresh_token,
                                    const moon_oidc_place *place) {
  moon_request *request = moon_zalloc(sizeof *request);
  char *refresh = form_encoded(refresh_token), *id = form_encoded(spec->client_id);
  char *secret = spec->client_secret ? form_encoded(spec->client_secret) : NULL;
  request->method = moon_strdup("POST");
  request->path = moon_strdup(place->path);
  request->content_type = moon_strdup("application/x-www-form-urlencoded");
  if (!place->secret_in_form) {
    request->headers = moon_zalloc(2 * sizeof *request->headers);
    request->headers[0] = basic_header(id, secret);
    request->body = moon_sprintf("grant_type=refresh_token&refresh_token=%s", refresh);
  } else {
    request->body = moon_sprintf("grant_type=refresh_token&refresh_token=%s&client_id=%s%s%s", refresh, id,
                                 secret ? "&client_secret=" : "", secret ? secret : "");
  }
  request->body_len = strlen(request->body);
  moon_free_secret_text(refresh);
  moon_free_secret_text(secret);
  free(id);
  return request;
}

void moon_oidc_request_free(moon_request *request) {
  if (!request) return;
  if (request->headers) OPENSSL_cleanse(request->headers[0], strlen(request->headers[0]));
  if (request->body) OPENSSL_cleanse(request->body, request->body_len);
  moon_request_free(request);
}

/* --- what it answers --- */

static moon_error *read_tokens(const cJSON *root, moon_renewed *out) {
  const char *token = text_in(root, "id_token"), *refresh = text_in(root, "refresh_token");
  if (!token)
    return moon_error_new(MOON_CREDENTIAL, "its answer has no id_token: it may give none on a refresh, or the session "
                                           "was begun without the scope openid");
  if (!moon_text_fits_header(token))
    return moon_error_new(MOON_CREDENTIAL, "the id_token of its answer has a control character in it");
  int64_t end_s = moon_oidc_token_end_s(token);
  if (end_s < 0)
    return moon_error_new(MOON_CREDENTIAL, "the id_token of its answer is no JSON Web Token with an end (exp)");
  out->life_ms = end_s * 1000 - moon_clock_wall_ms();
  if (out->life_ms <= 0)
    return moon_error_new(MOON_CREDENTIAL,
                          "the id_token of its answer expired %lld s ago; is this machine's clock "
                          "right?",
                          (long long)(-out->life_ms / 1000));
  out->token = moon_strdup(token);
  out->refresh_token = moon_strdup(refresh);
  return NULL;
}

moon_error *moon_oidc_answer_read(const char *text, size_t len, moon_renewed *out) {
  *out = (moon_renewed){.life_ms = -1};
  cJSON *root = len ? cJSON_ParseWithLength(text, len) : NULL;
  moon_error *err =
      cJSON_IsObject(root) ? read_tokens(root, out) : moon_error_new(MOON_CREDENTIAL, "its answer is not JSON");
  free_json(root);
  return err;
}

char *moon_oidc_refusal(const moon_oidc_spec *spec, const char *refresh_token, int status, const char *text,
                        size_t len) {
  const char *secrets[4] = {refresh_token, spec->client_secret, spec->id_token, NULL};
  if (!secrets[1]) secrets[1] = secrets[2], secrets[2] = NULL;
  cJSON *root = len ? cJSON_ParseWithLength(text, len) : NULL;
  const char *code = text_in(root, "error"), *why = text_in(root, "error_description");
  char *shown_code = code ? moon_redact_last_lines(code, strlen(code), secrets) : NULL;
  char *shown_why = why ? moon_redact_last_lines(why, strlen(why), secrets) : NULL;
  char *said = moon_sprintf("HTTP %d%s%s%s%s%s", status, shown_code ? ": " : "", shown_code ? shown_code : "",
                            shown_why ? " (" : "", shown_why ? shown_why : "", shown_why ? ")" : "");
  free(shown_code);
  free(shown_why);
  free_json(root);
  return said;
}
