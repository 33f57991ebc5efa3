/* What all kernels share: vectors, and the threads of the process.
 *
 * Compiled once for float and once for double (-DREAL=double -DINTEGER=int64_t).
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>
#include <string.h>

#ifndef REAL
#define REAL float
#endif
#ifndef INTEGER
#define INTEGER int32_t /* as wide as REAL */
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define REGISTERS 32
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define REGISTERS 16
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define REGISTERS 32
#else
#define VECTOR_BYTES 16
#define REGISTERS 16
#endif

#define LANES ((int)(VECTOR_BYTES / sizeof(REAL)))
#define QUARTER (LANES > 2 ? LANES / 4 : 1)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

typedef REAL real;
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real half __attribute__((vector_size(VECTOR_BYTES / 2), may_alias));
typedef real quarter __attribute__((vector_size(QUARTER * sizeof(REAL)), may_alias));
typedef real unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef INTEGER mask __attribute__((vector_size(VECTOR_BYTES))); /* a lane is 0 or -1 */
typedef uint8_t bytes __attribute__((vector_size(VECTOR_BYTES / sizeof(REAL)), aligned(1), may_alias));

/* The OpenMP runtime that the process has already; without it everything runs on one thread. */
typedef void (*Task)(void *);
extern void (*run_in_parallel)(Task, void *, unsigned, unsigned); /* GOMP_parallel */
extern int (*thread_number)(void);                                /* omp_get_thread_num */
extern int (*num_threads)(void);                                  /* omp_get_num_threads: may be fewer than requested */

/* Which of the threads that `for_each` started this is. */
int this_thread(void);

/* Calls `work` for each item, on several threads. */
void for_each(void (*work)(const void *arguments, int64_t item), const void *arguments, int64_t items, int64_t threads);

INLINE void store(real *to, vector value, int count) {
    if (count == LANES)
        *(unaligned *)to = value;
    else
        memcpy(to, &value, (size_t)count * sizeof(real));
}

INLINE vector load(const real *from, int count) {
    if (count == LANES)
        return *(const unaligned *)from;
    vector value = {0};
    memcpy(&value, from, (size_t)count * sizeof(real));
    return value;
}

INLINE mask choose_mask(mask which, mask yes, mask no) { return (which & yes) | (~which & no); }

INLINE vector choose(mask which, vector yes, vector no) {
    return (vector)choose_mask(which, (mask)yes, (mask)no);
}

/* ReLU; NaN stays. */
INLINE vector rectified(vector value) { return (vector)((mask)value & ~(mask)(value <= 0)); }

/* Adds the sums of the lanes of vectors to numbers that are `step` apart, or sets them. */
static __attribute__((noinline, unused)) void add_lanes(real *to, int step, const vector *sums, int count, int first) {
    for (int v = 0; v < count; v++) {
        half by_half = ((const half *)(sums + v))[0] + ((const half *)(sums + v))[1];
        quarter by_quarter = ((const quarter *)&by_half)[0];
        if (QUARTER < LANES / 2)
            by_quarter += ((const quarter *)&by_half)[1];
        real total = 0;
        for (int lane = 0; lane < QUARTER; lane++)
            total += by_quarter[lane];
        to[v * step] = (first ? 0 : to[v * step]) + total;
    }
}

#endif
