/* credential_files.c: see credential_files.h. */
#include "net/credential_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "kube/files.h"

moon_file_stamp moon_file_look(const char *path) {
  struct stat info;
  if (!path || stat(path, &info)) return (moon_file_stamp){0};
  return (moon_file_stamp){
      .modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
      .size = info.st_size,
      .inode = info.st_ino,
  };
}

bool moon_file_same(const moon_file_stamp *a, const moon_file_stamp *b) {
  return a->modified_ns == b->modified_ns && a->size == b->size && a->inode == b->inode;
}

void moon_credential_files_init(moon_credential_files *files, const moon_target *target) {
  *files = (moon_credential_files){
      .cert = moon_file_look(target->client_cert_file),
      .key = moon_file_look(target->client_key_file),
  };
}

char *moon_credential_files_token(moon_credential_files *files, const moon_target *target) {
  const char *wrong = NULL;
  char *token = moon_token_read(target->token_file, &wrong);
  if (!token && !files->token_troubled) {
    moon_log(MOON_LOG_WARN, "user \"%s\": the token before is used on, because the token file %s cannot be: %s",
             target->user, target->token_file, wrong);
  }
  files->token_troubled = !token;
  return token;
}

/* From its file, or, where it has none, as it stood in the kubeconfig. */
static bool read_pem(const char *path, const moon_bytes *kept, moon_bytes *out) {
  if (path) return moon_file_read(path, out);
  *out = moon_bytes_copy(*kept);
  return true;
}

moon_certificate *moon_credential_files_certificate(moon_credential_files *files, const moon_target *target) {
  moon_file_stamp cert = moon_file_look(target->client_cert_file), key = moon_file_look(target->client_key_file);
  if (moon_file_same(&cert, &files->cert) && moon_file_same(&key, &files->key)) return NULL;
  files->cert = cert;
  files->key = key;
  moon_bytes cert_pem = {0}, key_pem = {0};
  moon_certificate *certificate = NULL;
  moon_error *err = NULL;
  char *owner = moon_sprintf("user \"%s\"", target->user ? target->user : "");
  if (!read_pem(target->client_cert_file, &target->client_cert, &cert_pem))
    err = moon_error_new(MOON_CREDENTIAL, "%s: cannot read %s: %s", owner, target->client_cert_file, strerror(errno));
  else if (!read_pem(target->client_key_file, &target->client_key, &key_pem))
    err = moon_error_new(MOON_CREDENTIAL, "%s: cannot read %s: %s", owner, target->client_key_file, strerror(errno));
  else
    err = moon_certificate_new(owner, &cert_pem, &key_pem, &certificate);
  /* The two are written one after the other: the second will be a change again. */
  if (err) moon_log(MOON_LOG_WARN, "%s; the client certificate before is used on", err->message);
  moon_error_free(err);
  moon_bytes_wipe(&cert_pem);
  moon_bytes_wipe(&key_pem);
  free(owner);
  return certificate;
}
