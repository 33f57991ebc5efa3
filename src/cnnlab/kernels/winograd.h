/* What Winograd's products and the gradient of their filters share. */
#ifndef WINOGRAD_H
#define WINOGRAD_H

#include "convolution.h"

#define TILE 4
#define VALUES 36 /* of a transformed tile: 6x6 */
#define SIDE 6
#define MAX_TILES 4 /* at a time: with PRODUCT_CHANNELS filters, the sums that registers hold */

/* A row or a column of 6 pixels to its values. */
INLINE void transform_input(vector to[SIDE], const vector a[SIDE]) {
    to[0] = 4 * a[0] - 5 * a[2] + a[4];
    to[1] = (a[3] + a[4]) - 4 * (a[1] + a[2]);
    to[2] = (a[4] - a[3]) + 4 * (a[1] - a[2]);
    to[3] = (a[4] - a[2]) + 2 * (a[3] - a[1]);
    to[4] = (a[4] - a[2]) - 2 * (a[3] - a[1]);
    to[5] = 4 * a[1] - 5 * a[3] + a[5];
}

/* A tile of 6x6 pixels, of rows `row` and columns `step` vectors apart, to its values, `plane` vectors apart. */
INLINE void transform_tile(vector *to, int64_t plane, const vector *x, int row, int step) {
    vector rows[SIDE][SIDE], column[SIDE], values[SIDE];
    UNROLL
    for (int j = 0; j < SIDE; j++) {
        UNROLL
        for (int i = 0; i < SIDE; i++)
            column[i] = x[i * row + j * step];
        transform_input(values, column);
        UNROLL
        for (int i = 0; i < SIDE; i++)
            rows[i][j] = values[i];
    }
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        transform_input(values, rows[i]);
        UNROLL
        for (int j = 0; j < SIDE; j++)
            to[(i * SIDE + j) * plane] = values[j];
    }
}

#endif
