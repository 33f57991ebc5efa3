/* Convolutions of 3x3 filters with a quarter of the multiplications.
 *
 * Winograd's F(4x4, 3x3): a row of 4 outputs is the product of two polynomials, known from its values at six points
 * (0, ±1, ±2, ∞). So a tile of 4x4 outputs, and the 6x6 inputs under it, is transformed to 6x6 values, and for each of
 * them all channels and filters are one matrix product: 36 multiplications for 16 outputs instead of 144. In float32
 * the result is as near to the exact one as about 1e-5 of the largest output. A pixel that is NaN or infinite makes all
 * outputs of its tiles NaN.
 *
 * Reference: Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, section 4.3.
 */
#include "winograd.h"

int winograd_pixels(int outputs) { return (outputs + TILE - 1) / TILE * TILE + 2; }

/* Whether this is faster than the direct convolution: an estimate of the instructions. */
int winograd_suits(const Convolution *conv) {
    if (conv->size != 3 || conv->is_pooled)
        return 0;
    int64_t rows = conv->height + 2 * conv->padding - 2, columns = conv->width + 2 * conv->padding - 2;
    int64_t products = conv->channels * conv->filters, tiles = (rows + TILE - 1) / TILE * ((columns + TILE - 1) / TILE);
    int64_t transforms = 900 * conv->channels + 700 * conv->filters;
    return tiles * (VALUES * products + transforms) < 9 * ((rows + 1) / 2 * 2) * ((columns + 1) / 2 * 2) * products;
}

/* Products of 6 values to a row or a column of 4 outputs. */
INLINE void transform_output(vector to[TILE], const vector m[SIDE]) {
    vector sum12 = m[1] + m[2], sum34 = m[3] + m[4], difference12 = m[1] - m[2], difference34 = m[3] - m[4];
    to[0] = m[0] + sum12 + sum34;
    to[1] = difference12 + 2 * difference34;
    to[2] = sum12 + 4 * sum34;
    to[3] = difference12 + 8 * difference34 + m[5];
}

/* ---- filters ---- */

/* Values of filters: [value][…] of all pairs of channels, a value's apart from the next's by an odd
 * number of lines of the cache, so that the 36 do not compete for one place in it. */
static int64_t filter_plane(int64_t channels, int64_t filters) {
    const int64_t line = 64 / sizeof(real);
    return ((channels * filters + line - 1) / line | 1) * line;
}

/* The values of one row or column of filters. */
INLINE void transform_filter(vector to[SIDE], vector g0, vector g1, vector g2) {
    const real sixth = (real)1 / 6;
    vector even = g0 + g2, even4 = (g0 / 4 + g2) * sixth, odd2 = g1 * (sixth / 2);
    to[0] = g0 / 4;
    to[1] = (even + g1) * -sixth;
    to[2] = (even - g1) * -sixth;
    to[3] = even4 + odd2;
    to[4] = even4 - odd2;
    to[5] = g2;
}

typedef struct {
    real *to;
    const real *weight;
    const Convolution *conv;
    int is_turned;
} Filters;

static void transform_filters(const void *arguments, int64_t o) {
    const Filters *p = arguments;
    int64_t channels = p->conv->channels, plane = filter_plane(channels, p->conv->filters);
    for (int64_t c = 0; c < channels; c += LANES) {
        int count = (int)MIN(LANES, channels - c);
        vector filter[9], rows[SIDE][3], column[SIDE], values[SIDE];
        for (int k = 0; k < 9; k++) {
            filter[k] = (vector){0};
            for (int lane = 0; lane < count; lane++)
                filter[k][lane] = p->weight[(o * channels + c + lane) * 9 + (p->is_turned ? 8 - k : k)];
        }
        UNROLL
        for (int x = 0; x < 3; x++) {
            transform_filter(column, filter[x], filter[3 + x], filter[6 + x]);
            UNROLL
            for (int i = 0; i < SIDE; i++)
                rows[i][x] = column[i];
        }
        UNROLL
        for (int i = 0; i < SIDE; i++) {
            transform_filter(values, rows[i][0], rows[i][1], rows[i][2]);
            UNROLL
            for (int j = 0; j < SIDE; j++)
                store(p->to + (i * SIDE + j) * plane + o * channels + c, values[j], count);
        }
    }
}

/* [value][filter][channel]; the filters turned by 180° if `is_turned`. */
void winograd_pack(real *to, const real *weight, const Convolution *conv, int is_turned) {
    Filters filters = {to, weight, conv, is_turned};
    for_each(transform_filters, &filters, conv->filters, conv->threads);
}

/* ---- the products ---- */

/* Values of tiles: [value][channel][tile], a value's tiles apart from the next's by an odd number of vectors, so that
 * the 36 do not compete for one place in the cache. */
INLINE int64_t plane_of(int64_t channels, int64_t tiles) { return (channels * tiles) | 1; }

/* How far apart in the packed weights two filters are, and two channels. */
typedef struct {
    int64_t filter, channel;
} Steps;

INLINE void multiply_value(const int G, const int T, vector *to, const vector *x, const real *u, Steps step,
                           int channels) {
    vector sums[MAX_GROUP][MAX_TILES];
    UNROLL
    for (int a = 0; a < G; a++)
        UNROLL
        for (int t = 0; t < T; t++)
            sums[a][t] = (vector){0};
    for (int c = 0; c < channels; c++) {
        vector values[MAX_TILES];
        UNROLL
        for (int t = 0; t < T; t++)
            values[t] = x[c * T + t];
        UNROLL
        for (int a = 0; a < G; a++)
            UNROLL
            for (int t = 0; t < T; t++)
                sums[a][t] += u[a * step.filter + c * step.channel] * values[t];
    }
    UNROLL
    for (int a = 0; a < G; a++)
        UNROLL
        for (int t = 0; t < T; t++)
            to[a * T + t] = sums[a][t];
}

#define FOR_TILES(G)                                                    \
    switch (tiles) {                                                    \
    case 1: multiply_value(G, 1, to, x, u, step, channels); break;      \
    case 2: multiply_value(G, 2, to, x, u, step, channels); break;      \
    case 3: multiply_value(G, 3, to, x, u, step, channels); break;      \
    default: multiply_value(G, 4, to, x, u, step, channels);            \
    }

/* [filter of the group][tile] of the values [channel][tile] and the weights u. */
static void multiply_group(int group, int tiles, vector *to, const vector *x, const real *u, Steps step, int channels) {
    switch (group) {
    case 1: FOR_TILES(1) break;
    case 2: FOR_TILES(2) break;
    case 3: FOR_TILES(3) break;
    case 4: FOR_TILES(4) break;
    default: FOR_TILES(5)
    }
}

/* Products of 36 values to 4x4 outputs. */
INLINE void put_tile(real *y, const vector *m, int64_t plane, real bias, int rows, int columns, int64_t row,
                     int64_t column, int count) {
    vector half_done[TILE][SIDE], values[SIDE], outputs[TILE];
    UNROLL
    for (int j = 0; j < SIDE; j++) {
        UNROLL
        for (int i = 0; i < SIDE; i++)
            values[i] = m[(i * SIDE + j) * plane];
        transform_output(outputs, values);
        UNROLL
        for (int i = 0; i < TILE; i++)
            half_done[i][j] = outputs[i];
    }
    for (int i = 0; i < rows; i++) {
        transform_output(outputs, half_done[i]);
        for (int j = 0; j < columns; j++)
            store(y + i * row + j * column, outputs[j] + bias, count);
    }
}

/* The outputs of all filters from the maps of a block of images; a part of them if the work is split. For turned
 * filters, inputs and outputs are exchanged.
 *
 * `work` has place for `winograd_work` vectors. */
void winograd_product(const Product *p, int filters, int is_turned, vector *work, int split, int splits) {
    int tile_columns = (p->columns + TILE - 1) / TILE, count = (p->rows + TILE - 1) / TILE * tile_columns;
    int channels = p->channels, groups = num_groups(filters, PRODUCT_CHANNELS), parts = num_groups(count, MAX_TILES);
    Steps step = is_turned ? (Steps){1, filters} : (Steps){channels, 1};
    for (int part = split * parts / splits; part < (split + 1) * parts / splits; part++) {
        int start = group_start(count, parts, part), size = group_start(count, parts, part + 1) - start;
        int64_t in_plane = plane_of(channels, size), out_plane = plane_of(filters, size);
        vector *values = work, *products = work + VALUES * in_plane;
        for (int c = 0; c < channels; c++)
            for (int t = 0; t < size; t++) {
                int i = (start + t) / tile_columns, j = (start + t) % tile_columns;
                transform_tile(values + c * size + t, in_plane,
                               p->x + (c * p->x_rows + TILE * i) * p->x_columns + TILE * j, p->x_columns, 1);
            }
        for (int value = 0; value < VALUES; value++)
            for (int group = 0; group < groups; group++) {
                int o = group_start(filters, groups, group), next = group_start(filters, groups, group + 1);
                const real *u = p->weights + value * filter_plane(channels, filters) + o * step.filter;
                multiply_group(next - o, size, products + value * out_plane + o * size, values + value * in_plane, u,
                               step, channels);
            }
        for (int o = 0; o < filters; o++)
            for (int t = 0; t < size; t++) {
                int i = (start + t) / tile_columns * TILE, j = (start + t) % tile_columns * TILE;
                put_tile(p->y + (((int64_t)o * p->rows + i) * p->columns + j) * p->images, products + o * size + t,
                         out_plane, p->bias ? p->bias[o] : 0, MIN(TILE, p->rows - i), MIN(TILE, p->columns - j),
                         p->columns * p->images, p->images, p->count);
            }
    }
}

int64_t winograd_work(int64_t channels, int64_t filters) {
    return VALUES * (plane_of(channels, MAX_TILES) + plane_of(filters, MAX_TILES));
}

int64_t winograd_weights(const Convolution *conv) { return VALUES * filter_plane(conv->channels, conv->filters); }
