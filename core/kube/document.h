/* document.h: one YAML (or JSON) document as a tree whose nodes know their line.
 *
 * The first document of a text is read, what follows it is not looked at. Scalars get their types as kubectl's YAML
 * reader gives them (the words and numbers of YAML 1.1: a plain `yes` is a boolean, `0o17` a number, `2024-01-01` a
 * string). An alias is a second way to the same node, so nothing is copied; aliases that contain themselves, or that
 * would expand the document beyond MOON_DOCUMENT_MAX_EXPANDED nodes, are errors. Of equal keys the last one counts, and
 * a merge key (`<<`) counts as if its mapping's keys stood in its place.
 *
 * Everything is wiped when the document is freed. Not thread safe. */
#ifndef MOON_KUBE_DOCUMENT_H
#define MOON_KUBE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define MOON_DOCUMENT_MAX_EXPANDED 1000000
#define MOON_DOCUMENT_MAX_DEPTH 1000

typedef enum moon_node_type {
  MOON_NODE_NULL,
  MOON_NODE_BOOLEAN,
  MOON_NODE_NUMBER,
  MOON_NODE_STRING,
  MOON_NODE_LIST,
  MOON_NODE_MAPPING
} moon_node_type;

typedef struct moon_node {
  moon_node_type type;
  size_t line;  /* 1 is the first */
  char *text;   /* a scalar as it was written, quotes and escapes resolved; NUL-terminated */
  size_t len;   /* of text */
  bool is_true; /* a boolean's value */
  bool merge;   /* the key `<<` */

  struct moon_node **items; /* a list's items; a mapping's keys and values in turn */
  size_t count;

  /* While reading. */
  size_t capacity, expanded; /* nodes here and below, each alias counted as what it stands for */
  bool open;                 /* its end has not been seen yet */
  struct moon_node *next;    /* all nodes of the document, for freeing */
} moon_node;

typedef struct moon_document {
  moon_node *root; /* NULL: the text is empty */
  moon_node *nodes;
  size_t endless_line; /* of the first value that is infinite, or no number at all (.inf, .nan); 0: there is none */
} moon_document;

/* `name` stands for the text in messages: "name:line: what is wrong". On error *document is empty. */
moon_error *moon_document_read(const char *text, size_t len, const char *name, moon_document *document);
void moon_document_free(moon_document *document);

/* The value of a key of a mapping; NULL when there is none. */
moon_node *moon_node_get(const moon_node *mapping, const char *key);
/* A node and all below it as JSON text; merge keys are left out. The caller's. */
char *moon_node_json(const moon_node *node);
/* "a string", "a list", ... for messages. */
const char *moon_node_type_name(moon_node_type type);

#endif
