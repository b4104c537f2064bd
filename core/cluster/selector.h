/* selector.h: which clusters: names, globs, regular expressions, exclusions and labels. Immutable; any thread.
 *
 *   "prod-eu"   that name            "prod-*"    a glob: * ? [abc] (POSIX fnmatch)
 *   "/eu-[0-9]/"  a regular expression (POSIX extended) that matches somewhere in the name
 *   "@eu"       a group: what a selector of that name selects (a name that begins with '@' is written "[@]...")
 *   "^prod-old", "^prod-*", "^/test/", "^@eu"   not those
 * A name is selected when it matches one of the inclusions (all names where there are only exclusions, or nothing at
 * all), no exclusion, and the labels. Labels as in Kubernetes: "env=prod,tier!=db,region in (eu,us),!legacy". */
#ifndef MOON_CLUSTER_SELECTOR_H
#define MOON_CLUSTER_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "moonpool.h"

typedef struct moon_selector moon_selector;

/* What "@name" stands for. */
typedef struct moon_group {
  const char *name;
  moon_selector *selector;
} moon_group;

/* `labels` may be NULL. Selectors of groups that are used are retained. Fails with MOON_CONFIG: which pattern, what is
 * wrong with it. */
moon_error *moon_selector_new(const char *const *patterns, size_t count, const char *labels, const moon_group *groups,
                              size_t group_count, moon_selector **out);
moon_selector *moon_selector_retain(moon_selector *selector);
void moon_selector_release(moon_selector *selector);
bool moon_selector_matches(const moon_selector *selector, const char *name, const moon_label *labels,
                           size_t label_count);
/* The name, when the selector is that one name and nothing else; NULL otherwise. */
const char *moon_selector_single(const moon_selector *selector);

#endif
