/* exec_credential.h: the two documents that go between us and a credential plugin (client.authentication.k8s.io/v1 and
 * /v1beta1): what it is told, and what it answers. Functions without state; any thread. Nothing of an answer is ever
 * repeated in a message. */
#ifndef MOON_NET_EXEC_CREDENTIAL_H
#define MOON_NET_EXEC_CREDENTIAL_H

#include "net/renewal.h"

/* NULL, or why a plugin cannot be used as it is declared (MOON_CREDENTIAL): an interactiveMode that needs a person, or
 * a version that there is not. */
moon_error *moon_exec_check(const moon_exec_spec *spec);

/* KUBERNETES_EXEC_INFO: with the cluster, if the target's plugin asks for it. The caller's; wipe it, it may hold what
 * the cluster's entry has for the plugin. */
char *moon_exec_info(const moon_target *target);

/* Reads what a plugin printed. Fails with MOON_CREDENTIAL. */
moon_error *moon_exec_answer_read(const moon_exec_spec *spec, const char *text, size_t len, moon_renewed *out);

#endif
