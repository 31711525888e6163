/* Counter-based random numbers: Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel Random
 * Numbers: As Easy as 1, 2, 3" (2011). No state: the n-th number of a seed is a function of
 * both. */
#ifndef SOTTO_SAMPLE_RANDOM_H
#define SOTTO_SAMPLE_RANDOM_H

#include <stdint.h>

/* The bijection itself: 128 random bits from a counter and a key. */
void sotto_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 64 bits from (seed, position): the low half of Philox with counter {position, 0}, key seed. */
uint64_t sotto_random_u64(uint64_t seed, uint64_t position);
/* Uniform in [0, 1): the upper 53 of these bits. */
double sotto_random_uniform(uint64_t seed, uint64_t position);

#endif
