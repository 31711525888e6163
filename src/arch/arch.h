/* Architectures: from a GGUF's hyper-parameters and tensors to a program. */
#ifndef SOTTO_ARCH_ARCH_H
#define SOTTO_ARCH_ARCH_H

#include "program/program.h"

/* Write the program of the file's architecture. ERR_UNSUPPORTED_ARCHITECTURE lists the known ones,
 * or names the key or tensor that asks for what the family does not do here: a model runs only if
 * all of it is understood. Keys that nobody knows are warnings. */
sotto_status sotto_arch_build(sotto_program *program);

/* The same for the keys of the tokenizer, once there is one. */
sotto_status sotto_arch_check_tokenizer_keys(sotto_ctx *ctx, const sotto_gguf *gguf);

#endif
