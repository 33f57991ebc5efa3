/* Max pooling of 2x2 pixels, with the batch innermost. */
#include "vectors.h"

/* In the order of the fields in max_pool.py. x [channel][row][column][image], `chosen` as y. */
typedef struct {
    int64_t channels, rows, columns, images; /* of x */
    const real *x;
    real *y;
    uint8_t *chosen; /* which of a window's four pixels was the largest */
    const real *y_gradient;
    real *x_gradient;
    int64_t threads;
} MaxPool;

static void pool_channel(const void *arguments, int64_t channel) {
    const MaxPool *p = arguments;
    int64_t rows = p->rows / 2, columns = p->columns / 2, row = p->columns * p->images;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const real *x = p->x + ((channel * p->rows + 2 * i) * p->columns + 2 * j) * p->images;
            int64_t place = ((channel * rows + i) * columns + j) * p->images;
            for (int64_t n = 0; n < p->images; n += LANES) {
                int count = (int)MIN(LANES, p->images - n);
                vector largest = load(x + n, count);
                integers pixel = {0};
                for (int k = 1; k < 4; k++) {
                    vector value = load(x + k / 2 * row + k % 2 * p->images + n, count);
                    integers larger = (value > largest) | (value != value); /* NaN wins, as in torch */
                    largest = choose(larger, value, largest);
                    pixel = choose_integers(larger, (integers){0} + k, pixel);
                }
                store(p->y + place + n, largest, count);
                bytes small = __builtin_convertvector(pixel, bytes);
                memcpy(p->chosen + place + n, &small, (size_t)count);
            }
        }
}

/* y, and `chosen`. */
void max_pool_forward(const MaxPool *p) { for_each(pool_channel, p, p->channels, p->threads); }

static void spread_channel(const void *arguments, int64_t channel) {
    const MaxPool *p = arguments;
    int64_t rows = p->rows / 2, columns = p->columns / 2, row = p->columns * p->images;
    real *map = p->x_gradient + channel * p->rows * row;
    if (p->columns % 2)
        for (int64_t i = 0; i < p->rows; i++)
            memset(map + (i + 1) * row - p->images, 0, (size_t)p->images * sizeof(real));
    if (p->rows % 2)
        memset(map + (p->rows - 1) * row, 0, (size_t)row * sizeof(real));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            real *to = map + 2 * i * row + 2 * j * p->images;
            int64_t place = ((channel * rows + i) * columns + j) * p->images;
            for (int64_t n = 0; n < p->images; n += LANES) {
                int count = (int)MIN(LANES, p->images - n);
                bytes small = {0};
                memcpy(&small, p->chosen + place + n, (size_t)count);
                integers pixel = __builtin_convertvector(small, integers);
                integers gradient = (integers)load(p->y_gradient + place + n, count);
                for (int k = 0; k < 4; k++)
                    store(to + k / 2 * row + k % 2 * p->images + n, (vector)(gradient & (pixel == k)), count);
            }
        }
}

/* The gradient of x. */
void max_pool_backward(const MaxPool *p) { for_each(spread_channel, p, p->channels, p->threads); }
