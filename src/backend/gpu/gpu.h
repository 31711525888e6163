/* The backend for GPUs. It computes nothing itself: it writes a stream of commands (records.h) that
 * the host carries out, and waits until the host reports them. */
#ifndef SOTTO_BACKEND_GPU_GPU_H
#define SOTTO_BACKEND_GPU_GPU_H

#include "backend/backend.h"
#include "backend/gpu/records.h"

extern const sotto_backend_type sotto_backend_gpu;

#endif
