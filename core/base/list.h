/* list.h: a doubly linked list whose nodes live inside the things they link.
 *
 * A `moon_list` is a head (an empty list points at itself) or a node (a node on no list points at itself, so removing
 * it twice is harmless). Nobody allocates. Not thread safe. */
#ifndef MOON_BASE_LIST_H
#define MOON_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct moon_list {
  struct moon_list *prev, *next;
} moon_list;

/* The thing of type `type` whose member `member` is the node. */
#define MOON_ENTRY(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void moon_list_init(moon_list *list) {
  list->prev = list->next = list;
}

static inline bool moon_list_empty(const moon_list *list) {
  return list->next == list;
}

static inline void moon_list_insert_before(moon_list *place, moon_list *node) {
  node->prev = place->prev;
  node->next = place;
  place->prev->next = node;
  place->prev = node;
}

static inline void moon_list_push_back(moon_list *list, moon_list *node) {
  moon_list_insert_before(list, node);
}

static inline void moon_list_push_front(moon_list *list, moon_list *node) {
  moon_list_insert_before(list->next, node);
}

static inline void moon_list_remove(moon_list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  moon_list_init(node);
}

/* Takes the first node off the list; NULL when it is empty. */
static inline moon_list *moon_list_pop_front(moon_list *list) {
  moon_list *node = list->next;
  if (node == list) return NULL;
  moon_list_remove(node);
  return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void moon_list_append_all(moon_list *to, moon_list *from) {
  if (moon_list_empty(from)) return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  moon_list_init(from);
}

#endif
