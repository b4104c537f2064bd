/* document.c: from libyaml's events to a tree. See document.h.
 *
 * The builder keeps the containers that are open on a stack of its own, so that nesting costs no C stack. Text passes
 * through libyaml's buffers, which are wiped here as far as they can be reached; pieces that it outgrew and gave back
 * to the allocator while it read a long scalar cannot be. */
#include "kube/document.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <yaml.h>

#include "base/alloc.h"
#include "kube/base64.h"
#include "kube/scalar.h"

typedef struct anchor {
  char *name;
  moon_node *node;
} anchor;

typedef struct builder {
  moon_document *document;
  const char *name;
  yaml_parser_t parser;
  moon_node *stack[MOON_DOCUMENT_MAX_DEPTH];
  size_t depth;
  anchor *anchors;
  size_t anchor_count, anchor_capacity;
  size_t aliased; /* nodes that all aliases so far stand for */
} builder;

const char *moon_node_type_name(moon_node_type type) {
  static const char *const names[] = {"nothing", "a boolean", "a number", "a string", "a list", "a mapping"};
  return names[type];
}

/* ------------------------------------------------------------------------------------------- types of scalars */

/* 0x1f, 0o17, 0b11 with an optional sign, as long as it fits 64 bits. */
static bool is_prefixed_integer(const char *text) {
  if (*text == '-' || *text == '+') text++;
  if (text[0] != '0' || !text[1]) return false;
  char letter = text[1] | 0x20;
  int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (!base || strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2)) return false;
  char *end;
  errno = 0;
  strtoull(text + 2, &end, base);
  return errno == 0 && end > text + 2 && *end == '\0';
}

/* One too large for a double stays text. */
static bool is_decimal(const char *text) {
  return moon_scalar_is_decimal(text) && isfinite(strtod(text, NULL));
}

/* Underscores group digits anywhere in a number, but behind a leading point only between two of them. */
static bool is_number(const char *text) {
  if (!*text || !strchr("+-.0123456789", *text)) return false;
  if (!strchr(text, '_')) return is_decimal(text) || is_prefixed_integer(text);
  for (const char *c = text; *text == '.' && *c; c++)
    if (*c == '_' && !(isdigit((unsigned char)c[-1]) && isdigit((unsigned char)c[1]))) return false;
  char *plain = moon_strdup(text);
  moon_scalar_ungroup(plain);
  bool number = is_decimal(plain) || is_prefixed_integer(plain);
  moon_free_secret_text(plain);
  return number;
}

/* The type of a scalar without quotes and tag; is_true is set for booleans. */
static moon_node_type plain_type(const char *text, bool *is_true) {
  moon_word word = moon_scalar_word(text);
  *is_true = word == MOON_WORD_TRUE;
  switch (word) {
  case MOON_WORD_NULL:
    return MOON_NODE_NULL;
  case MOON_WORD_TRUE:
  case MOON_WORD_FALSE:
    return MOON_NODE_BOOLEAN;
  case MOON_WORD_NAN:
  case MOON_WORD_INFINITY:
    return MOON_NODE_NUMBER;
  default:
    return is_number(text) ? MOON_NODE_NUMBER : MOON_NODE_STRING;
  }
}

/* What !!binary stands for. */
static bool decode(moon_node *node) {
  moon_bytes bytes = {0};
  size_t wrong_at;
  if (!moon_base64_decode(node->text, node->len, &bytes, &wrong_at)) return false;
  moon_free_secret(node->text, node->len);
  node->text = bytes.data ? bytes.data : moon_strdup("");
  node->len = bytes.len;
  return true;
}

/* False: the text is not what its tag says. */
static bool set_scalar_type(moon_node *node, const yaml_event_t *event) {
  const char *tag = (const char *)event->data.scalar.tag;
  moon_node_type plain = plain_type(node->text, &node->is_true);
  if (!tag) {
    node->type = event->data.scalar.plain_implicit ? plain : MOON_NODE_STRING;
    node->merge = event->data.scalar.plain_implicit && strcmp(node->text, "<<") == 0;
    return true;
  }
  if (strcmp(tag, YAML_NULL_TAG) == 0) {
    node->type = MOON_NODE_NULL;
  } else if (strcmp(tag, YAML_BOOL_TAG) == 0) {
    node->type = MOON_NODE_BOOLEAN;
  } else if (strcmp(tag, YAML_INT_TAG) == 0 || strcmp(tag, YAML_FLOAT_TAG) == 0) {
    node->type = MOON_NODE_NUMBER;
  } else {
    node->type = MOON_NODE_STRING;
    return strcmp(tag, "tag:yaml.org,2002:binary") != 0 || decode(node);
  }
  return node->type == plain;
}

/* -------------------------------------------------------------------------------------------------- the builder */

static moon_error *error_at(const builder *b, size_t line, const char *what) {
  return moon_error_new(MOON_CONFIG, "%s:%zu: %s", b->name, line, what);
}

static size_t event_line(const yaml_event_t *event) {
  return event->start_mark.line + 1;
}

static moon_node *new_node(builder *b, moon_node_type type, const yaml_event_t *event, const yaml_char_t *anchor_name) {
  moon_node *node = moon_zalloc(sizeof *node);
  node->type = type;
  node->line = event_line(event);
  node->expanded = 1;
  node->next = b->document->nodes;
  b->document->nodes = node;
  if (anchor_name) {
    if (b->anchor_count == b->anchor_capacity) {
      b->anchor_capacity = b->anchor_capacity ? 2 * b->anchor_capacity : 8;
      b->anchors = moon_realloc(b->anchors, b->anchor_capacity * sizeof *b->anchors);
    }
    b->anchors[b->anchor_count++] = (anchor){moon_strdup((const char *)anchor_name), node};
  }
  return node;
}

static bool is_endless(const char *text) {
  moon_word word = moon_scalar_word(text);
  return word == MOON_WORD_NAN || word == MOON_WORD_INFINITY;
}

/* Puts a node where the document is now: into the innermost open container, or at the root. */
static moon_error *place(builder *b, moon_node *node, size_t line) {
  if (!b->depth) {
    b->document->root = node;
    return NULL;
  }
  moon_node *parent = b->stack[b->depth - 1];
  bool is_key = parent->type == MOON_NODE_MAPPING && parent->count % 2 == 0;
  if (is_key && (node->type == MOON_NODE_LIST || node->type == MOON_NODE_MAPPING || node->type == MOON_NODE_NULL))
    return moon_error_new(MOON_CONFIG, "%s:%zu: a mapping's key must be text, not %s", b->name, line,
                          moon_node_type_name(node->type));
  if (!is_key && node->type == MOON_NODE_NUMBER && is_endless(node->text) && !b->document->endless_line)
    b->document->endless_line = node->line;
  if (parent->count == parent->capacity) {
    parent->capacity = parent->capacity ? 2 * parent->capacity : 8;
    parent->items = moon_realloc(parent->items, parent->capacity * sizeof *parent->items);
  }
  parent->items[parent->count++] = node;
  return NULL;
}

static moon_error *open_container(builder *b, moon_node *node) {
  moon_error *err = place(b, node, node->line);
  if (err) return err;
  if (b->depth == MOON_DOCUMENT_MAX_DEPTH) return error_at(b, node->line, "nested too deeply (more than 1000 levels)");
  node->open = true;
  b->stack[b->depth++] = node;
  return NULL;
}

static bool can_merge(const moon_node *value) {
  if (value->type == MOON_NODE_MAPPING) return true;
  if (value->type != MOON_NODE_LIST) return false;
  for (size_t i = 0; i < value->count; i++)
    if (value->items[i]->type != MOON_NODE_MAPPING) return false;
  return true;
}

static moon_error *close_container(builder *b) {
  moon_node *node = b->stack[--b->depth];
  node->open = false;
  for (size_t i = 0; i < node->count; i++) {
    node->expanded += node->items[i]->expanded;
    bool is_key = node->type == MOON_NODE_MAPPING && i % 2 == 0;
    if (is_key && node->items[i]->merge && !can_merge(node->items[i + 1]))
      return error_at(b, node->items[i]->line, "the merge key << expects a mapping or a list of mappings");
  }
  return NULL;
}

/* The expanded size of the document is its own nodes plus what each alias stands for; bounding the second part bounds
 * every walk over the tree, also one that follows chains of merge keys. */
static moon_error *place_alias(builder *b, const yaml_event_t *event) {
  const char *name = (const char *)event->data.alias.anchor;
  size_t line = event_line(event), i = b->anchor_count;
  while (i > 0 && strcmp(b->anchors[i - 1].name, name) != 0) i--;
  if (i == 0) /* not named: it may be a password that begins with * */
    return moon_error_new(
        MOON_CONFIG, "%s:%zu: an alias whose anchor does not come before it (text that begins with * needs quotes)",
        b->name, line);
  moon_node *node = b->anchors[i - 1].node;
  if (node->open) return moon_error_new(MOON_CONFIG, "%s:%zu: the anchor &%s contains itself", b->name, line, name);
  b->aliased += node->expanded;
  if (b->aliased > MOON_DOCUMENT_MAX_EXPANDED)
    return error_at(b, line, "aliases expand to more than 1000000 values; is this a kubeconfig?");
  return place(b, node, line);
}

static moon_error *take_event(builder *b, yaml_event_t *event) {
  moon_node *node;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT: {
    const yaml_version_directive_t *version = event->data.document_start.version_directive;
    if (!version || (version->major == 1 && version->minor == 1)) return NULL;
    return error_at(b, event_line(event), "the YAML directive asks for another version than 1.1");
  }
  case YAML_SCALAR_EVENT:
    node = new_node(b, MOON_NODE_STRING, event, event->data.scalar.anchor);
    node->len = event->data.scalar.length;
    node->text = moon_alloc(node->len + 1);
    memcpy(node->text, event->data.scalar.value, node->len);
    node->text[node->len] = '\0';
    OPENSSL_cleanse(event->data.scalar.value, node->len);
    if (!set_scalar_type(node, event)) return error_at(b, node->line, "the text is not what its tag says");
    return place(b, node, node->line);
  case YAML_SEQUENCE_START_EVENT:
    return open_container(b, new_node(b, MOON_NODE_LIST, event, event->data.sequence_start.anchor));
  case YAML_MAPPING_START_EVENT:
    return open_container(b, new_node(b, MOON_NODE_MAPPING, event, event->data.mapping_start.anchor));
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT:
    return close_container(b);
  case YAML_ALIAS_EVENT: {
    moon_error *err = place_alias(b, event);
    OPENSSL_cleanse(event->data.alias.anchor, strlen((char *)event->data.alias.anchor)); /* see there */
    return err;
  }
  default:
    return NULL;
  }
}

/* What libyaml found wrong. Where the text is not even characters it knows only the offset. */
static moon_error *parser_error(const builder *b, const char *text, size_t len) {
  const yaml_parser_t *parser = &b->parser;
  size_t line = parser->problem_mark.line + 1;
  if (parser->error == YAML_READER_ERROR) {
    line = 1;
    for (size_t i = 0; i < parser->problem_offset && i < len; i++) line += text[i] == '\n';
  }
  return moon_error_new(MOON_CONFIG, "%s:%zu: this is not YAML: %s%s%s", b->name, line,
                        parser->problem ? parser->problem : "unknown problem", parser->context ? " " : "",
                        parser->context ? parser->context : "");
}

static void wipe_parser(yaml_parser_t *parser) {
  if (parser->raw_buffer.start)
    OPENSSL_cleanse(parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
  if (parser->buffer.start) OPENSSL_cleanse(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
  yaml_parser_delete(parser);
}

moon_error *moon_document_read(const char *text, size_t len, const char *name, moon_document *document) {
  *document = (moon_document){0};
  builder *b = moon_zalloc(sizeof *b);
  b->document = document;
  b->name = name;
  moon_error *err = NULL;
  if (!yaml_parser_initialize(&b->parser)) abort(); /* out of memory */
  yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, len);
  for (bool more = true; more && !err;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&b->parser, &event)) {
      err = parser_error(b, text, len);
      break;
    }
    more = event.type != YAML_DOCUMENT_END_EVENT && event.type != YAML_STREAM_END_EVENT;
    err = take_event(b, &event);
    yaml_event_delete(&event);
  }
  wipe_parser(&b->parser);
  for (size_t i = 0; i < b->anchor_count; i++) moon_free_secret_text(b->anchors[i].name);
  free(b->anchors);
  free(b);
  if (err) moon_document_free(document);
  return err;
}

void moon_document_free(moon_document *document) {
  while (document->nodes) {
    moon_node *node = document->nodes;
    document->nodes = node->next;
    moon_free_secret(node->text, node->len);
    free(node->items);
    free(node);
  }
  document->root = NULL;
}

/* Keys count in the order in which they stand, so the last match is looked for first. In a list of merged mappings the
 * first one wins. */
moon_node *moon_node_get(const moon_node *mapping, const char *key) {
  size_t key_len = strlen(key);
  for (size_t i = mapping->count; i >= 2; i -= 2) {
    const moon_node *name = mapping->items[i - 2];
    moon_node *value = mapping->items[i - 1];
    if (!name->merge) {
      if (name->len == key_len && memcmp(name->text, key, key_len) == 0) return value;
      continue;
    }
    if (value->type == MOON_NODE_MAPPING) {
      moon_node *found = moon_node_get(value, key);
      if (found) return found;
      continue;
    }
    for (size_t j = 0; j < value->count; j++) {
      moon_node *found = moon_node_get(value->items[j], key);
      if (found) return found;
    }
  }
  return NULL;
}
