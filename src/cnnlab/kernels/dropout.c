/* The random masks of dropout. */
#include "vectors.h"

#define RANDOM_LANES 16 /* whatever the processor's vectors, so that the numbers are the same on all */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four random words of a counter. */
static void philox(uint32_t words[4][RANDOM_LANES], uint64_t counter, uint64_t key) {
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    for (int lane = 0; lane < RANDOM_LANES; lane++) {
        words[0][lane] = (uint32_t)(counter + lane);
        words[1][lane] = (uint32_t)((counter + lane) >> 32);
        words[2][lane] = words[3][lane] = 0;
    }
    for (int round = 0; round < 10; round++, key0 += 0x9E3779B9, key1 += 0xBB67AE85)
        for (int lane = 0; lane < RANDOM_LANES; lane++) {
            uint64_t first = (uint64_t)0xD2511F53 * words[0][lane], second = (uint64_t)0xCD9E8D57 * words[2][lane];
            words[0][lane] = (uint32_t)(second >> 32) ^ words[1][lane] ^ key0;
            words[2][lane] = (uint32_t)(first >> 32) ^ words[3][lane] ^ key1;
            words[1][lane] = (uint32_t)second;
            words[3][lane] = (uint32_t)first;
        }
}

/* 0 with probability p, and else 1/(1-p), for each place of a mask in memory; a function of the key. */
void dropout_mask(real *mask, int64_t count, uint64_t key, double p) {
    uint64_t threshold = (uint64_t)(p * 4294967296.0); /* 2³² */
    real scale = p < 1 ? (real)(1 / (1 - p)) : 0;
    uint32_t random[4 * RANDOM_LANES];
    for (int64_t start = 0; start < count; start += 4 * RANDOM_LANES) {
        philox((uint32_t(*)[RANDOM_LANES])random, (uint64_t)start / 4, key);
        int64_t length = MIN(4 * RANDOM_LANES, count - start);
        for (int64_t place = 0; place < length; place++)
            mask[start + place] = random[place] < threshold ? 0 : scale;
    }
}
