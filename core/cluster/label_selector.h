/* label_selector.h: requirements on labels, in the syntax of Kubernetes: a list with commas, all of which must hold.
 *
 *   key = value, key == value     has that value          key in (a, b)      has one of these
 *   key != value                  has another, or none    key notin (a, b)   has none of these, or no such label
 *   key                           is there                !key               is not there
 * Values may be empty. An empty text requires nothing. Immutable; any thread. */
#ifndef MOON_CLUSTER_LABEL_SELECTOR_H
#define MOON_CLUSTER_LABEL_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "moonpool.h"

typedef struct moon_label_selector moon_label_selector;

/* Fails with MOON_CONFIG: at which character, and what was expected there. */
moon_error *moon_label_selector_new(const char *text, moon_label_selector **out);
void moon_label_selector_free(moon_label_selector *selector); /* NULL is fine */
bool moon_label_selector_matches(const moon_label_selector *selector, const moon_label *labels, size_t label_count);
bool moon_label_selector_is_empty(const moon_label_selector *selector); /* requires nothing */

#endif
