/* credential_files.h: whether files have changed, and what a target's hold now. Not thread safe: whoever looks sees to
 * it that nobody else does. */
#ifndef MOON_NET_CREDENTIAL_FILES_H
#define MOON_NET_CREDENTIAL_FILES_H

#include "net/certificate.h"

/* What a file was like when it was looked at last. */
typedef struct moon_file_stamp {
  int64_t modified_ns;
  int64_t size;
  uint64_t inode;
} moon_file_stamp;

moon_file_stamp moon_file_look(const char *path); /* all 0 where there is none */
bool moon_file_same(const moon_file_stamp *a, const moon_file_stamp *b);

typedef struct moon_credential_files {
  moon_file_stamp cert, key;
  bool token_troubled; /* said so; once is enough */
} moon_credential_files;

void moon_credential_files_init(moon_credential_files *files, const moon_target *target);
/* What the target's token file holds (the caller's), when that can be used; else NULL, and a line in the log
 * the first time. */
char *moon_credential_files_token(moon_credential_files *files, const moon_target *target);
/* The certificate, when its files have changed since the last look and can be used; else NULL. */
moon_certificate *moon_credential_files_certificate(moon_credential_files *files, const moon_target *target);

#endif
