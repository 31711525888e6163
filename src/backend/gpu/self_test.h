/* Whether a GPU computes what it should. Drivers and browsers have given wrong results in silence
 * (llama.cpp#23925), so every kernel that a program needs is run once in small, behind the set-up,
 * and held against the naive backend. That is also each pipeline's first dispatch, at which some
 * drivers go on compiling. */
#ifndef SOTTO_BACKEND_GPU_SELF_TEST_H
#define SOTTO_BACKEND_GPU_SELF_TEST_H

#include "backend/gpu/model.h"

typedef struct gpu_self_test gpu_self_test;

/* Most bytes that a test takes until it is freed. */
uint64_t gpu_self_test_bytes(const sotto_program *program, const gpu_units *units);
/* The pipelines that a test needs beside the program's. ERR_OUT_OF_MEMORY. */
sotto_status gpu_self_test_pipelines(gpu_shared *shared, const sotto_program *program);
/* Computes what is to be expected, and emits the same for the GPU. kv_shape: for the types of the
 * cache. The test is to be kept until what was emitted is reported. ERR_OUT_OF_MEMORY. */
sotto_status gpu_self_test_new(gpu_shared *shared, const sotto_program *program,
                               const gpu_units *units, const sotto_kv_shape *kv_shape,
                               gpu_self_test **out);
/* Whether all results are right; else the reason names the first operation whose are not. */
bool gpu_self_test_passes(const gpu_self_test *test, char *reason, size_t n);
void gpu_self_test_free(gpu_self_test *test);

#endif
