/* The products of a direct convolution.
 *
 * The unit is a window of 2x2 pixels times a few output channels: its sums stay in registers, and pooling is their
 * maximum. The gradient of the input is the same product with turned filters.
 */
#include "convolution.h"

#define GRADIENT_CHANNELS(size) (REGISTERS == 32 && (size) == 5 ? 5 : (size) == 5 ? 2 : 3)
#define ROWS_3 (REGISTERS == 32 ? 3 : 1) /* of a 3x3 filter, whose gradients are summed at once */
#define MAX_SUMS 9

/* Filters [filter][channel][K][K] as groups of [channel][K][K][filter of the group]. */
static void pack_straight(real *to, const real *weight, const Convolution *conv) {
    int O = (int)conv->filters, terms = (int)(conv->channels * conv->size * conv->size);
    for (int group = 0, groups = num_groups(O, PRODUCT_CHANNELS); group < groups; group++) {
        int first = group_start(O, groups, group), last = group_start(O, groups, group + 1);
        for (int term = 0; term < terms; term++)
            for (int o = first; o < last; o++)
                *to++ = weight[(int64_t)o * terms + term];
    }
}

/* The filters turned by 180°, inputs and outputs exchanged: groups of [filter][K][K][channel of the group]. */
static void pack_turned(real *to, const real *weight, const Convolution *conv) {
    int O = (int)conv->filters, C = (int)conv->channels, area = (int)(conv->size * conv->size);
    for (int group = 0, groups = num_groups(C, PRODUCT_CHANNELS); group < groups; group++) {
        int first = group_start(C, groups, group), last = group_start(C, groups, group + 1);
        for (int o = 0; o < O; o++)
            for (int k = 0; k < area; k++)
                for (int c = first; c < last; c++)
                    *to++ = weight[((int64_t)o * C + c) * area + area - 1 - k];
    }
}

void direct_pack(real *to, const real *weight, const Convolution *conv, int is_turned) {
    (is_turned ? pack_turned : pack_straight)(to, weight, conv);
}

typedef struct {
    int first, end; /* of K taps: the others meet only zeros in the border */
} Taps;

INLINE Taps taps_of(int K, int start, int border, int inner) {
    return (Taps){MAX(0, border - start - 1), MIN(K, border + inner - start)};
}

/* Adds to the sums of the 2x2 outputs at `x` those of all input channels. */
INLINE void multiply(const int K, const int G, vector sums[4][MAX_GROUP], const vector *x, int channels, int plane,
                     int columns, const real *weights, Taps rows, Taps cols) {
    for (int c = 0; c < channels; c++)
        for (int ky = rows.first; ky < rows.end; ky++)
            for (int kx = cols.first; kx < cols.end; kx++) {
                const vector *at = x + c * plane + ky * columns + kx;
                const real *w = weights + ((c * K + ky) * K + kx) * G;
                vector x0 = at[0], x1 = at[1], x2 = at[columns], x3 = at[columns + 1];
                UNROLL
                for (int a = 0; a < G; a++) {
                    sums[0][a] += w[a] * x0;
                    sums[1][a] += w[a] * x1;
                    sums[2][a] += w[a] * x2;
                    sums[3][a] += w[a] * x3;
                }
            }
}

INLINE void pool_window(const int G, vector sums[4][MAX_GROUP], const Product *p, int i, int j) {
    UNROLL
    for (int a = 0; a < G; a++) {
        vector largest = sums[0][a];
        integers pixel = {0};
        UNROLL
        for (int k = 1; k < 4; k++) {
            integers larger = (sums[k][a] > largest) | (sums[k][a] != sums[k][a]); /* NaN wins, as in torch */
            largest = choose(larger, sums[k][a], largest);
            pixel = choose_integers(larger, (integers){0} + k, pixel);
        }
        if (p->is_rectified) {
            pixel = choose_integers(largest <= 0, (integers){0} + NONE, pixel);
            largest = rectified(largest);
        }
        int64_t place = ((int64_t)a * p->rows + i) * p->columns + j;
        store(p->y + place * p->images, largest, p->count);
        if (p->chosen)
            *(bytes *)(p->chosen + place * LANES) = __builtin_convertvector(pixel, bytes);
    }
}

INLINE void put_window(const int G, vector sums[4][MAX_GROUP], const Product *p, int y, int x) {
    UNROLL
    for (int a = 0; a < G; a++)
        UNROLL
        for (int k = 0; k < 4; k++) {
            int row = y + k / 2, column = x + k % 2;
            if (row < p->rows && column < p->columns)
                store(p->y + (((int64_t)a * p->rows + row) * p->columns + column) * p->images, sums[k][a], p->count);
        }
}

INLINE void product_of(const int K, const int G, const int pooled, const Product *p) {
    int plane = p->x_rows * p->x_columns;
    int rows = pooled ? p->rows : (p->rows + 1) / 2, columns = pooled ? p->columns : (p->columns + 1) / 2;
    for (int i = 0; i < rows; i++) {
        Taps row_taps = taps_of(K, 2 * i, p->border, p->inner_rows);
        for (int j = 0; j < columns; j++) {
            Taps column_taps = taps_of(K, 2 * j, p->border, p->inner_columns);
            const vector *x = p->x + 2 * i * p->x_columns + 2 * j;
            vector sums[4][MAX_GROUP];
            UNROLL
            for (int k = 0; k < 4; k++)
                UNROLL
                for (int a = 0; a < G; a++)
                    sums[k][a] = (p->bias ? p->bias[a] : 0) - (vector){0};
            if (row_taps.end - row_taps.first == K && column_taps.end - column_taps.first == K)
                multiply(K, G, sums, x, p->channels, plane, p->x_columns, p->weights, (Taps){0, K}, (Taps){0, K});
            else
                multiply(K, G, sums, x, p->channels, plane, p->x_columns, p->weights, row_taps, column_taps);
            if (pooled)
                pool_window(G, sums, p, i, j);
            else
                put_window(G, sums, p, 2 * i, 2 * j);
        }
    }
}

#define FOR_GROUP(K, pooled)                    \
    switch (group) {                            \
    case 1: product_of(K, 1, pooled, p); break; \
    case 2: product_of(K, 2, pooled, p); break; \
    case 3: product_of(K, 3, pooled, p); break; \
    case 4: product_of(K, 4, pooled, p); break; \
    default: product_of(K, 5, pooled, p);       \
    }

static void product_3(int group, const Product *p) { FOR_GROUP(3, 0) }
static void product_5(int group, const Product *p) { FOR_GROUP(5, 0) }
static void pooled_product_3(int group, const Product *p) { FOR_GROUP(3, 1) }
static void pooled_product_5(int group, const Product *p) { FOR_GROUP(5, 1) }

/* The outputs of all filters; a part of them if the work is split. */
void direct_product(const Product *p, int size, int pooled, int filters, int split, int splits) {
    int groups = num_groups(filters, PRODUCT_CHANNELS);
    int64_t outputs = (int64_t)p->rows * p->columns;
    for (int group = split * groups / splits; group < (split + 1) * groups / splits; group++) {
        int o = group_start(filters, groups, group), count = group_start(filters, groups, group + 1) - o;
        Product part = *p;
        part.weights += (int64_t)o * p->channels * size * size;
        part.bias = p->bias ? p->bias + o : 0;
        part.y += o * outputs * p->images;
        part.chosen = p->chosen ? p->chosen + o * outputs * LANES : 0;
        if (pooled)
            (size == 3 ? pooled_product_3 : pooled_product_5)(count, &part);
        else
            (size == 3 ? product_3 : product_5)(count, &part);
    }
}

/* ---- the gradient of the filters ---- */

/* For each channel and R rows of the filters: their gradients, of G filters, are sums in registers. */
INLINE void weight_gradient_of(const int K, const int R, const int G, const WeightGradient *p) {
    int x_plane = p->x_rows * p->x_columns, g_plane = p->g_rows * p->g_columns;
    for (int c = 0; c < p->channels; c++)
        for (int ky = 0; ky < K; ky += R) {
            vector sums[MAX_GROUP][MAX_SUMS];
            UNROLL
            for (int a = 0; a < G; a++)
                UNROLL
                for (int k = 0; k < R * K; k++)
                    sums[a][k] = (vector){0};
            for (int i = 0; i < p->rows; i++) {
                const vector *x = p->x + c * x_plane + (i + ky) * p->x_columns, *g = p->g + i * p->g_columns;
                for (int j = 0; j < p->columns; j++)
                    UNROLL
                    for (int a = 0; a < G; a++) {
                        vector ga = g[a * g_plane + j];
                        UNROLL
                        for (int k = 0; k < R * K; k++)
                            sums[a][k] += ga * x[k / K * p->x_columns + j + k % K];
                    }
            }
            vector totals[MAX_GROUP][MAX_SUMS];
            UNROLL
            for (int a = 0; a < G; a++)
                UNROLL
                for (int k = 0; k < R * K; k++)
                    totals[a][k] = sums[a][k];
            for (int a = 0; a < G; a++)
                add_lanes(p->weight + (((int64_t)a * p->channels + c) * K + ky) * K, totals[a], R * K, p->first);
        }
}

#define WEIGHTS_FOR_GROUP(K, R)                    \
    switch (group) {                               \
    case 1: weight_gradient_of(K, R, 1, p); break; \
    case 2: weight_gradient_of(K, R, 2, p); break; \
    case 3: weight_gradient_of(K, R, 3, p); break; \
    case 4: weight_gradient_of(K, R, 4, p); break; \
    default: weight_gradient_of(K, R, 5, p);       \
    }

static void weight_gradient_3(int group, const WeightGradient *p) { WEIGHTS_FOR_GROUP(3, ROWS_3) }
static void weight_gradient_5(int group, const WeightGradient *p) { WEIGHTS_FOR_GROUP(5, 1) }

void direct_weight_gradient(const WeightGradient *p, int size, int filters, int split, int splits) {
    int groups = num_groups(filters, GRADIENT_CHANNELS(size));
    for (int group = split * groups / splits; group < (split + 1) * groups / splits; group++) {
        int o = group_start(filters, groups, group), count = group_start(filters, groups, group + 1) - o;
        WeightGradient part = *p;
        part.g += o * p->g_rows * p->g_columns;
        part.weight += (int64_t)o * p->channels * size * size;
        (size == 3 ? weight_gradient_3 : weight_gradient_5)(count, &part);
    }
}
