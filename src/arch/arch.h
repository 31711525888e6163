/* Architectures: from a GGUF's hyper-parameters and tensors to a program. */
#ifndef SOTTO_ARCH_ARCH_H
#define SOTTO_ARCH_ARCH_H

#include "program/program.h"

/* Write the program of the file's architecture. ERR_UNSUPPORTED_ARCHITECTURE lists the known ones. */
sotto_status sotto_arch_build(sotto_program *program);

/* One function per architecture (archs.def): reads hyper-parameters, takes tensors, emits operations.
 * Errors of reading are returned; errors of building stay in the program (sticky). */
#define X(name, build) sotto_status build(sotto_program *program);
#include "arch/archs.def"
#undef X

#endif
