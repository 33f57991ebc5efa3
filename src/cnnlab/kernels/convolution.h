/* What the two ways to convolve share. */
#ifndef CONVOLUTION_H
#define CONVOLUTION_H

#include "vectors.h"

#define PRODUCT_CHANNELS (REGISTERS == 32 ? 5 : 2) /* 4 pixels each: 20 or 8 sums in registers */
#define MAX_GROUP 5
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)") /* so that sums in arrays are registers */
#else
#define UNROLL _Pragma("GCC unroll 9")
#endif

/* A convolution's sizes, in the order of the fields in convolution.py. Strides are in numbers, not bytes. */
typedef struct {
    int64_t images, channels, height, width;   /* of the input x */
    int64_t filters, size, padding, is_pooled; /* by 2x2 max pooling */
    int64_t x_strides[4], g_strides[4];        /* of x, and of the gradient g of the output, in N, C, H, W */
    int64_t is_rectified; /* by ReLU after the pooling */
    int64_t needs_input_gradient; /* whether `conv_backward` computes the gradient of the input */
    int64_t threads;
} Convolution;

INLINE int num_groups(int channels, int largest) { return (channels + largest - 1) / largest; }

/* The first channel of a group: groups are as equal as can be. */
INLINE int group_start(int channels, int groups, int group) { return (int)((int64_t)group * channels / groups); }

INLINE real *aligned(real *place) {
    return (real *)(((uintptr_t)place + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
}

#define NONE 4 /* of the four pixels of a window, if ReLU has stopped all */

/* What follows from them. */
typedef struct {
    int rows, columns;         /* of the output, before pooling */
    int out_rows, out_columns; /* after it */
    int blocks;                /* of images */
    int x_rows, x_columns;     /* of x in scratch memory, border included */
    int border;                /* of zeros around g in scratch memory */
    int g_rows, g_columns;     /* of g in scratch memory, before pooling, border included */
    int is_winograd;           /* whether forward and the gradient of the input have those products */
    int64_t weights;           /* numbers of packed weights */
} Sizes;

/* In copies.c: maps of a block of images in scratch memory, inside a border of zeros; of gradients after pooling, each
 * to the pixel that was chosen. */
void copy_in(vector *to, const real *from, const int64_t *strides, int block, int images, int channels, int rows,
             int columns, int border, int to_rows, int to_columns);
void copy_in_pooled(vector *to, const real *from, const uint8_t *chosen, const int64_t *strides, int block, int images,
                    int channels, const Sizes *s);

/* A product of filters with the maps of a block of images, and where it goes: y [filter][row][column][image]. */
typedef struct {
    const vector *x;
    int channels, x_rows, x_columns, border, inner_rows, inner_columns; /* of x in scratch memory */
    const real *weights, *bias; /* packed; bias may be NULL */
    real *y;                    /* of the first filter and the block's first image */
    uint8_t *chosen;            /* likewise; may be NULL */
    int rows, columns, count;   /* of y; images in the block */
    int is_rectified;
    int64_t images; /* of all blocks */
} Product;

/* What the gradient of the filters is a sum of. */
typedef struct {
    const vector *x, *g; /* g without its border */
    int channels, x_rows, x_columns, g_rows, g_columns, rows, columns;
    real *weight; /* [filter][channel][K][K], from the group's first filter */
    int first;    /* whether to set it, instead of adding to it */
} WeightGradient;

/* In direct.c. The work on a block of images may be split. */
void direct_pack(real *to, const real *weight, const Convolution *conv, int is_turned);
void direct_product(const Product *p, int size, int pooled, int filters, int split, int splits);
void direct_weight_gradient(const WeightGradient *p, int size, int filters, int split, int splits);

/* The same with fewer multiplications, in winograd.c. */
int winograd_suits(const Convolution *conv);
int winograd_pixels(int outputs); /* of x for so many outputs in a row or a column */
int64_t winograd_weights(const Convolution *conv);
void winograd_pack(real *to, const real *weight, const Convolution *conv, int is_turned);
int64_t winograd_work(int64_t channels, int64_t filters);
void winograd_product(const Product *p, int filters, int is_turned, vector *work, int split, int splits);
int64_t winograd_gradient_work(const Convolution *conv);
void winograd_weight_gradient(const Convolution *conv, const real *x, const real *g, real *weight, vector *work);

#endif
