/* A model's file taken apart into a gguf_writer, so that a test can make one of its own of it with
 * a key or a tensor more, less or changed. */
#ifndef SOTTO_TESTS_EDITED_MODEL_H
#define SOTTO_TESTS_EDITED_MODEL_H

#include <stdbool.h>

#include "gguf_writer.h"

/* Everything of the file but the keys and tensors called `without` (NULL: none of them is left
 * out). Keys that are written afterwards stand behind the file's. */
bool edit_model(gguf_writer *w, const char *path, const char *without);

#endif
