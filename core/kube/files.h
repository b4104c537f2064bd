/* files.h: the files that a kubeconfig names, as they are read when it is loaded and again when they have changed.
 * Functions without state; any thread. */
#ifndef MOON_KUBE_FILES_H
#define MOON_KUBE_FILES_H

#include <stdbool.h>

#include "kube/target.h"

/* A whole file, wiped by the caller. Fails with errno set (EFBIG beyond 64 MiB). */
bool moon_file_read(const char *path, moon_bytes *out);

/* The token in a file, without the white space around it; the caller's, to be wiped. NULL: there is none that can be
 * used, *wrong says why. */
char *moon_token_read(const char *path, const char **wrong);

/* Whether a text can stand in an HTTP header: it has no control characters. NULL can. */
bool moon_text_fits_header(const char *text);

#endif
