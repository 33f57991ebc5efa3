/* Copies of maps to scratch memory: [channel][row][column][lane] of a block of LANES images, inside a border of zeros. */
#include "convolution.h"

/* One row of `count` images from `from`, whose pixels are `step` apart and whose images are `image` apart. */
INLINE void copy_row(vector *to, const real *from, int columns, int64_t step, int64_t image, int count) {
    if (image == 1) {
        for (int x = 0; x < columns; x++)
            to[x] = load(from + x * step, count);
        return;
    }
    if (count < LANES)
        memset(to, 0, (size_t)columns * sizeof(vector));
    for (int lane = 0; lane < count; lane++)
        for (int x = 0; x < columns; x++)
            ((real *)(to + x))[lane] = from[lane * image + x * step];
}

/* Zeros around the rows and columns of a map. */
INLINE void clear_border(vector *to, int rows, int columns, int border, int to_rows, int to_columns) {
    memset(to, 0, (size_t)border * to_columns * sizeof(vector));
    for (int y = border; y < border + rows; y++) {
        memset(to + y * to_columns, 0, (size_t)border * sizeof(vector));
        memset(to + y * to_columns + border + columns, 0, (size_t)(to_columns - border - columns) * sizeof(vector));
    }
    memset(to + (border + rows) * to_columns, 0, (size_t)(to_rows - border - rows) * to_columns * sizeof(vector));
}

/* The maps of a block of images, inside a border of zeros. */
void copy_in(vector *to, const real *from, const int64_t *strides, int block, int images, int channels, int rows,
             int columns, int border, int to_rows, int to_columns) {
    int count = MIN(LANES, images - block * LANES);
    from += block * LANES * strides[0];
    for (int c = 0; c < channels; c++, to += to_rows * to_columns) {
        clear_border(to, rows, columns, border, to_rows, to_columns);
        for (int y = 0; y < rows; y++)
            copy_row(to + (border + y) * to_columns + border, from + c * strides[1] + y * strides[2], columns,
                     strides[3], strides[0], count);
    }
}

/* The gradient before pooling: each window's goes to the pixel that was the largest, or to NONE. */
void copy_in_pooled(vector *to, const real *from, const uint8_t *chosen, const int64_t *strides, int block,
                    int images, int channels, const Sizes *s) {
    int count = MIN(LANES, images - block * LANES), border = s->border;
    vector windows[s->out_columns];
    from += block * LANES * strides[0];
    chosen += (int64_t)block * LANES * channels * s->out_rows * s->out_columns;
    for (int c = 0; c < channels; c++, to += s->g_rows * s->g_columns) {
        clear_border(to, 2 * s->out_rows, 2 * s->out_columns, border, s->g_rows, s->g_columns);
        for (int i = 0; i < s->out_rows; i++) {
            copy_row(windows, from + c * strides[1] + i * strides[2], s->out_columns, strides[3], strides[0], count);
            for (int j = 0; j < s->out_columns; j++, chosen += LANES) {
                vector *at = to + (border + 2 * i) * s->g_columns + border + 2 * j;
                integers g = (integers)windows[j], pixel = __builtin_convertvector(*(const bytes *)chosen, integers);
                at[0] = (vector)(g & (pixel == 0));
                at[1] = (vector)(g & (pixel == 1));
                at[s->g_columns] = (vector)(g & (pixel == 2));
                at[s->g_columns + 1] = (vector)(g & (pixel == 3));
            }
        }
    }
}
