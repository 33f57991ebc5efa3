/* What all kernels share: vectors, and the threads of the process.
 *
 * Compiled once for float and once for double (-DREAL=double -DINTEGER=int64_t -DREAL_BYTES=8).
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
#define REAL_BYTES 4
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

#define LANE_COUNT (VECTOR_BYTES / REAL_BYTES) /* for the preprocessor */
#define LANES ((int)LANE_COUNT)
#define QUARTER (LANES > 2 ? LANES / 4 : 1)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

typedef REAL real;
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real half __attribute__((vector_size(VECTOR_BYTES / 2), may_alias));
typedef real quarter __attribute__((vector_size(QUARTER * sizeof(REAL)), may_alias));
typedef real unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef INTEGER integers __attribute__((vector_size(VECTOR_BYTES))); /* a comparison's 0 or -1, the bits of numbers, … */
typedef uint8_t bytes __attribute__((vector_size(VECTOR_BYTES / sizeof(REAL)), aligned(1), may_alias));

/* The OpenMP runtime that the process has already; without it everything runs on one thread. */
typedef void (*Task)(void *);
extern void (*run_in_parallel)(Task, void *, unsigned, unsigned); /* GOMP_parallel */
extern int (*thread_number)(void);                                /* omp_get_thread_num */
extern int (*num_threads)(void);                                  /* omp_get_num_threads: may be fewer than requested */

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

INLINE integers choose_integers(integers which, integers yes, integers no) { return (which & yes) | (~which & no); }

INLINE vector choose(integers which, vector yes, vector no) {
    return (vector)choose_integers(which, (integers)yes, (integers)no);
}

/* The first or the second halves of two vectors, lane by lane in turn. */
#if LANE_COUNT == 16
#define FIRST_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANE_COUNT == 8
#define FIRST_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#elif LANE_COUNT == 4
#define FIRST_HALVES 0, 4, 1, 5
#define SECOND_HALVES 2, 6, 3, 7
#else
#define FIRST_HALVES 0, 2
#define SECOND_HALVES 1, 3
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif

/* Rows become columns. */
INLINE void transpose(vector rows[LANE_COUNT]) {
    vector mixed[LANE_COUNT];
    for (int round = 1; round < LANE_COUNT; round *= 2) {
        for (int row = 0; row < LANE_COUNT / 2; row++) {
            mixed[2 * row] = SHUFFLE(rows[row], rows[row + LANE_COUNT / 2], FIRST_HALVES);
            mixed[2 * row + 1] = SHUFFLE(rows[row], rows[row + LANE_COUNT / 2], SECOND_HALVES);
        }
        for (int row = 0; row < LANE_COUNT; row++)
            rows[row] = mixed[row];
    }
}

/* ReLU; NaN stays. */
INLINE vector rectified(vector value) { return (vector)((integers)value & ~(integers)(value <= 0)); }

/* Adds the sum of each vector's lanes to a number, or sets it. */
static __attribute__((noinline, unused)) void add_lanes(real *to, const vector *sums, int count, int is_set) {
    for (int v = 0; v < count; v++) {
        half by_half = ((const half *)(sums + v))[0] + ((const half *)(sums + v))[1];
        quarter by_quarter = ((const quarter *)&by_half)[0];
        if (QUARTER < LANES / 2)
            by_quarter += ((const quarter *)&by_half)[1];
        real total = 0;
        for (int lane = 0; lane < QUARTER; lane++)
            total += by_quarter[lane];
        to[v] = (is_set ? 0 : to[v]) + total;
    }
}

#endif
