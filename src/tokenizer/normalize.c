/* Normalisers: what happens to text before it is cut into pieces. */
#include "tokenizer/internal.h"

const sotto_normalizer sotto_normalizer_none = {NULL};
