/* The memory behind the tables of kv.h, which a backend owns: where the keys and values of pages
 * and the states of slots are, on whatever it computes with. */
#ifndef SOTTO_KV_STORAGE_H
#define SOTTO_KV_STORAGE_H

#include <stddef.h>
#include <stdint.h>

/* Some bytes of the storage: the first rows of one head in one page, or a layer's part of a state
 * slot. */
typedef struct sotto_kv_place {
  enum { SOTTO_KV_KEYS, SOTTO_KV_VALUES, SOTTO_KV_STATE } kind;
  uint32_t layer;
  uint32_t index; /* page, or slot */
  uint32_t head;  /* of keys and values */
} sotto_kv_place;

typedef struct sotto_kv_storage sotto_kv_storage;
struct sotto_kv_storage {
  /* All rows of a page of a layer group to another of its pages. */
  void (*copy_page)(sotto_kv_storage *storage, uint32_t group, uint32_t from, uint32_t to);
  /* What is read is there at once, or when a backend with a queue has done what it was asked for so
   * far; what is written is looked at until the queue's commands are taken. */
  void (*read)(const sotto_kv_storage *storage, const sotto_kv_place *place, void *bytes, size_t n);
  void (*write)(sotto_kv_storage *storage, const sotto_kv_place *place, const void *bytes,
                size_t n);
};

#endif
