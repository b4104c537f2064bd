/* redact.h: what a foreign program has printed, made fit to be shown. */
#ifndef MOON_NET_REDACT_H
#define MOON_NET_REDACT_H

#include <stddef.h>

/* The last lines of a text as one line of at most some hundred bytes, with "; " between them and "[hidden]" in the
 * place of each of the NULL-terminated `secrets` (may be NULL), of what follows words like token or password, and of
 * words that look like keys: long, of letters and digits mixed. NULL: nothing is left. The caller's. */
char *moon_redact_last_lines(const char *text, size_t len, const char *const *secrets);

#endif
