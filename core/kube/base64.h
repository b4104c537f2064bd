/* base64.h: the `*-data` fields of kubeconfigs and Secrets: standard alphabet, with padding.
 *
 * As Go's decoder (and so kubectl) does it: line breaks are ignored anywhere, other white space is not. */
#ifndef MOON_KUBE_BASE64_H
#define MOON_KUBE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "kube/target.h"

/* Decodes into *out, which the caller wipes (moon_bytes_wipe). False, with the offset of the first wrong byte in
 * *error_at and *out untouched, when the text is not base64. */
bool moon_base64_decode(const char *text, size_t len, moon_bytes *out, size_t *error_at);

#endif
