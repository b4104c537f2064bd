/* kubeconfig_fixture.h: what every spec of kubeconfigs begins with: a folder for files, the pieces of which texts are
 * made, and reading and resolving in one step. Texts are called "f" in messages, and lie in the folder. */
#ifndef SPEC_KUBECONFIG_FIXTURE_H
#define SPEC_KUBECONFIG_FIXTURE_H

#include <stddef.h>

#include "kube/kubeconfig.h"

#define HEAD "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
#define CLUSTER "clusters: [{name: k, cluster: {server: 'https://h:6443'}}]\n"
#define WITH_CLUSTER(fields) HEAD "clusters:\n- name: k\n  cluster: " fields "\nusers: [{name: u, user: {token: t}}]\n"
#define WITH_USER(fields) HEAD CLUSTER "users:\n- name: u\n  user: " fields "\n"

/* PEM whose content nobody parses here. */
#define PEM "-----BEGIN X-----\nQUJD\n-----END X-----\n"
#define PEM_64 "LS0tLS1CRUdJTiBYLS0tLS0KUVVKRAotLS0tLUVORCBYLS0tLS0K"

extern char folder[];
int make_folder(void **state); /* around all specs of a program */
int remove_folder(void **state);
char *in_folder(const char *name); /* its path; the caller frees it */
void write_file(const char *name, const char *text);

moon_error *load(moon_kubeconfig *config, const char *text);
moon_error *load_file(moon_kubeconfig *config, const char *name); /* in the folder */
moon_target *resolve(const char *text);                           /* its current context; must succeed */
moon_error *resolve_error(const char *text);                      /* what reading or resolving fails with; or NULL */

void assert_ok(moon_error *err);                                        /* fails with the message when there is one */
void assert_error(moon_error *err, moon_status kind, const char *part); /* and frees it */

#endif
