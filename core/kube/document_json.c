/* document_json.c: nodes of a document as JSON text, for what a kubeconfig holds on behalf of others. */
#include <string.h>

#include "base/buffer.h"
#include "kube/document.h"
#include "kube/scalar.h"

static void add_string(moon_buffer *out, const char *text, size_t len) {
  moon_buffer_add_char(out, '"');
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\')
      moon_buffer_addf(out, "\\%c", c);
    else if (c < 0x20)
      moon_buffer_addf(out, "\\u%04x", c);
    else
      moon_buffer_add_char(out, (char)c);
  }
  moon_buffer_add_char(out, '"');
}

/* YAML has numbers that JSON does not: +1, .5, 1., 0o17, 007. */
static bool is_json_number(const char *text) {
  const char *digits = text + (*text == '-');
  size_t whole = strspn(digits, "0123456789");
  return moon_scalar_is_decimal(text) && whole && (whole == 1 || *digits != '0') &&
         (digits[whole] != '.' || strspn(digits + whole + 1, "0123456789"));
}

static void add(moon_buffer *out, const moon_node *node);

static void add_mapping(moon_buffer *out, const moon_node *node) {
  const char *separator = "{";
  for (size_t i = 0; i + 1 < node->count; i += 2) {
    const moon_node *key = node->items[i];
    /* The last of equal keys counts: it is what moon_node_get finds. */
    if (key->merge || !key->text || moon_node_get(node, key->text) != node->items[i + 1]) continue;
    moon_buffer_add_text(out, separator);
    add_string(out, key->text, key->len);
    moon_buffer_add_char(out, ':');
    add(out, node->items[i + 1]);
    separator = ",";
  }
  moon_buffer_add_text(out, *separator == '{' ? "{}" : "}");
}

static void add(moon_buffer *out, const moon_node *node) {
  switch (node->type) {
  case MOON_NODE_NULL:
    moon_buffer_add_text(out, "null");
    break;
  case MOON_NODE_BOOLEAN:
    moon_buffer_add_text(out, node->is_true ? "true" : "false");
    break;
  case MOON_NODE_NUMBER:
    if (is_json_number(node->text))
      moon_buffer_add_text(out, node->text);
    else
      add_string(out, node->text, node->len);
    break;
  case MOON_NODE_STRING:
    add_string(out, node->text, node->len);
    break;
  case MOON_NODE_LIST:
    moon_buffer_add_char(out, '[');
    for (size_t i = 0; i < node->count; i++) {
      if (i) moon_buffer_add_char(out, ',');
      add(out, node->items[i]);
    }
    moon_buffer_add_char(out, ']');
    break;
  case MOON_NODE_MAPPING:
    add_mapping(out, node);
    break;
  }
}

char *moon_node_json(const moon_node *node) {
  moon_buffer out = {0};
  add(&out, node);
  return moon_buffer_take(&out);
}
