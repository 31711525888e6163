/* A host with a pretended GPU: it takes an engine's commands and holds them against WebGPU's rules
 * and the device's limits, as a browser would; what is read from buffers is zeros. */
#ifndef SOTTO_TESTS_GPU_HOST_H
#define SOTTO_TESTS_GPU_HOST_H

#include "api/sotto.h"

#define GPU_HOST_MOST 4096 /* buffers, groups; of pipelines and lists fewer */

typedef struct gpu_host {
  sotto_gpu_device device;
  struct {
    uint64_t size; /* 0: there is none */
    bool uniform;
  } buffers[GPU_HOST_MOST];
  struct {
    bool exists;
    char bindings[16];
  } pipelines[GPU_HOST_MOST];
  struct {
    bool exists;
    uint32_t n;
    char bindings[16]; /* of the pipeline that it was made for */
    sotto_gpu_binding of[16];
  } groups[GPU_HOST_MOST];
  struct {
    uint32_t n; /* 0: there is none */
    sotto_gpu_dispatch of[256];
  } lists[64];
  uint64_t bytes; /* of all buffers */
  uint32_t n_pipelines, n_lists, n_runs, n_dispatches, n_reads, n_submits, n_serials;
  uint64_t bytes_written;
  uint32_t pending; /* serial that was taken and is not reported; 0: none */
} gpu_host;

/* WebGPU's default limits. */
sotto_gpu_device gpu_least_device(void);
/* An engine on this device, with the options' backend set to the GPU; NULL and a failed check on a
 * failure. */
sotto_engine *gpu_host_open(gpu_host *host, const char *path, const sotto_engine_options *options,
                            const sotto_gpu_device *device, sotto_memory_plan *plan);
/* The weights of an engine that has recovered on this device. */
bool gpu_host_feed(gpu_host *host, const sotto_gpu_device *device, sotto_engine *engine,
                   const char *path);
/* Take what there is and look at it. True where there was something. */
bool gpu_host_take(gpu_host *host, sotto_engine *engine);
/* Report it. */
void gpu_host_report(gpu_host *host, sotto_engine *engine);

#endif
