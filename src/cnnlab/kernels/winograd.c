/* Convolutions of 3x3 filters with a quarter of the multiplications.
 *
 * Winograd's F(4x4, 3x3): a tile of 4x4 outputs and the 6x6 inputs under it are polynomials of degree 3 and 5, whose
 * product with the filter is known from its values at six points (0, ±1, ±2, ∞) in each direction. So a tile is
 * transformed to 36 values, and for each of them all channels and filters are one matrix product; 36 multiplications for
 * 16 outputs instead of 144. In float32 the result is as near to the exact one as about 1e-6 of the largest output.
 *
 * The gradient of the filters has the transposed transforms of the same identity. There channels are innermost, so that
 * no vector has to be summed over its lanes.
 *
 * Reference: Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, section 4.3.
 */
#include "convolution.h"

#define TILE 4
#define VALUES 36 /* of a transformed tile: 6x6 */
#define SIDE 6
#define MAX_TILES 4 /* at a time: with PRODUCT_CHANNELS filters, the sums that registers hold */

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

/* ---- transforms in one direction ---- */

INLINE void transform_input(vector to[SIDE], const vector a[SIDE]) {
    to[0] = 4 * a[0] - 5 * a[2] + a[4];
    to[1] = (a[3] + a[4]) - 4 * (a[1] + a[2]);
    to[2] = (a[4] - a[3]) + 4 * (a[1] - a[2]);
    to[3] = (a[4] - a[2]) + 2 * (a[3] - a[1]);
    to[4] = (a[4] - a[2]) - 2 * (a[3] - a[1]);
    to[5] = 4 * a[1] - 5 * a[3] + a[5];
}

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
static int64_t filter_plane(int64_t channels, int64_t filters) { return ((channels * filters + 15) / 16 | 1) * 16; }

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
        for (int x = 0; x < 3; x++) {
            transform_filter(column, filter[x], filter[3 + x], filter[6 + x]);
            for (int i = 0; i < SIDE; i++)
                rows[i][x] = column[i];
        }
        for (int i = 0; i < SIDE; i++) {
            transform_filter(values, rows[i][0], rows[i][1], rows[i][2]);
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

/* A tile of 6x6 pixels, of rows `row` and columns `step` vectors apart, to its values, `plane` vectors apart. */
INLINE void transform_tile(vector *to, int64_t plane, const vector *x, int row, int step) {
    vector rows[SIDE][SIDE], column[SIDE], values[SIDE];
    for (int j = 0; j < SIDE; j++) {
        for (int i = 0; i < SIDE; i++)
            column[i] = x[i * row + j * step];
        transform_input(values, column);
        for (int i = 0; i < SIDE; i++)
            rows[i][j] = values[i];
    }
    for (int i = 0; i < SIDE; i++) {
        transform_input(values, rows[i]);
        for (int j = 0; j < SIDE; j++)
            to[(i * SIDE + j) * plane] = values[j];
    }
}

/* Weights of filters and channels that are so many numbers apart. */
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
    }                                                                   \
    break

/* [filter of the group][tile] of the values [channel][tile] and the weights u. */
static void multiply_group(int group, int tiles, vector *to, const vector *x, const real *u, Steps step, int channels) {
    switch (group) {
    case 1: FOR_TILES(1);
    case 2: FOR_TILES(2);
    case 3: FOR_TILES(3);
    case 4: FOR_TILES(4);
    default: FOR_TILES(5);
    }
}

/* Products of 36 values to 4x4 outputs. */
INLINE void put_tile(real *y, const vector *m, int64_t plane, real bias, int rows, int columns, int64_t row,
                     int64_t column, int count) {
    vector half_done[TILE][SIDE], values[SIDE], outputs[TILE];
    for (int j = 0; j < SIDE; j++) {
        for (int i = 0; i < SIDE; i++)
            values[i] = m[(i * SIDE + j) * plane];
        transform_output(outputs, values);
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
                int o = group_start(filters, groups, group);
                multiply_group(group_start(filters, groups, group + 1) - o, size, products + value * out_plane + o * size,
                               values + value * in_plane,
                               p->weights + value * filter_plane(channels, filters) + o * step.filter, step, channels);
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

/* ---- the gradient of the filters, of LANES images at a time ---- */

/* In scratch memory channels are innermost: maps [image][row][column][channel], values [value][image][tile][channel],
 * the gradients' values [value][filter][channel]. Numbers of channels and filters are rounded up to whole vectors. */
typedef struct {
    const Convolution *conv;
    const real *x, *g;
    real *weight;
    int x_depth, g_depth; /* vectors of channels, of filters */
    int tile_rows, tile_columns, x_rows, x_columns, g_rows, g_columns, images, first_image;
    int64_t x_plane, g_plane, sum_plane; /* of a value, in vectors */
    vector *x_maps, *g_maps, *x_values, *g_values, *sums;
} Gradient;

static Gradient gradient_of(const Convolution *conv) {
    int rows = (int)(conv->height + 2 * conv->padding) - 2, columns = (int)(conv->width + 2 * conv->padding) - 2;
    Gradient p = {.conv = conv};
    p.x_depth = (int)(conv->channels + LANES - 1) / LANES;
    p.g_depth = (int)(conv->filters + LANES - 1) / LANES;
    p.tile_rows = (rows + TILE - 1) / TILE;
    p.tile_columns = (columns + TILE - 1) / TILE;
    p.x_rows = winograd_pixels(rows);
    p.x_columns = winograd_pixels(columns);
    p.g_rows = TILE * p.tile_rows;
    p.g_columns = TILE * p.tile_columns;
    p.x_plane = (int64_t)LANES * p.tile_rows * p.tile_columns * p.x_depth | 1;
    p.g_plane = (int64_t)LANES * p.tile_rows * p.tile_columns * p.g_depth | 1;
    p.sum_plane = conv->filters * p.x_depth | 1;
    return p;
}

int64_t winograd_gradient_work(const Convolution *conv) {
    Gradient p = gradient_of(conv);
    return (int64_t)LANES * (p.x_rows * p.x_columns * p.x_depth + p.g_rows * p.g_columns * p.g_depth) +
           VALUES * (p.x_plane + p.g_plane + p.sum_plane);
}

/* A row of the maps of LANES images. */
static void turn_row(vector *to, int64_t image_step, const real *from, const int64_t *strides, int channels, int depth,
                     int columns, int count) {
    for (int x = 0; x < columns; x++)
        for (int d = 0; d < depth; d++) {
            vector rows[LANES];
            for (int c = 0; c < LANES; c++) {
                const real *at = from + (d * LANES + c) * strides[1] + x * strides[3];
                rows[c] = (vector){0};
                if (d * LANES + c >= channels)
                    continue;
                if (strides[0] == 1)
                    rows[c] = load(at, count);
                else
                    for (int image = 0; image < count; image++)
                        rows[c][image] = at[image * strides[0]];
            }
            transpose(rows);
            for (int image = 0; image < LANES; image++)
                to[image * image_step + x * depth + d] = rows[image];
        }
}

static void turn_rows(const void *arguments, int64_t item) {
    const Gradient *p = arguments;
    const Convolution *conv = p->conv;
    int P = (int)conv->padding, is_x = item < conv->height, y = (int)(is_x ? item : item - conv->height);
    if (is_x)
        turn_row(p->x_maps + ((P + y) * p->x_columns + P) * p->x_depth, (int64_t)p->x_rows * p->x_columns * p->x_depth,
                 p->x + p->first_image * conv->x_strides[0] + y * conv->x_strides[2], conv->x_strides,
                 (int)conv->channels, p->x_depth, (int)conv->width, p->images);
    else
        turn_row(p->g_maps + y * p->g_columns * p->g_depth, (int64_t)p->g_rows * p->g_columns * p->g_depth,
                 p->g + p->first_image * conv->g_strides[0] + y * conv->g_strides[2], conv->g_strides,
                 (int)conv->filters, p->g_depth, (int)conv->width + 2 * P - 2, p->images);
}

INLINE void transform_gradient(vector to[SIDE], const vector y[TILE]) {
    vector even = y[0] + y[2], odd = y[1] + y[3], even4 = y[0] + 4 * y[2], odd4 = 2 * y[1] + 8 * y[3];
    to[0] = y[0];
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = even4 + odd4;
    to[4] = even4 - odd4;
    to[5] = y[3];
}

/* As `transform_tile`, of a tile of 4x4 gradients. */
INLINE void transform_gradient_tile(vector *to, int64_t plane, const vector *g, int row, int step) {
    vector rows[SIDE][TILE], column[TILE], values[SIDE];
    for (int j = 0; j < TILE; j++) {
        for (int i = 0; i < TILE; i++)
            column[i] = g[i * row + j * step];
        transform_gradient(values, column);
        for (int i = 0; i < SIDE; i++)
            rows[i][j] = values[i];
    }
    for (int i = 0; i < SIDE; i++) {
        transform_gradient(values, rows[i]);
        for (int j = 0; j < SIDE; j++)
            to[(i * SIDE + j) * plane] = values[j];
    }
}

static void transform_image(const void *arguments, int64_t image) {
    const Gradient *p = arguments;
    const vector *x = p->x_maps + image * p->x_rows * p->x_columns * p->x_depth;
    const vector *g = p->g_maps + image * p->g_rows * p->g_columns * p->g_depth;
    int tiles = p->tile_rows * p->tile_columns;
    for (int t = 0; t < tiles; t++) {
        int i = t / p->tile_columns * TILE, j = t % p->tile_columns * TILE;
        for (int d = 0; d < p->x_depth; d++)
            transform_tile(p->x_values + (image * tiles + t) * p->x_depth + d, p->x_plane,
                           x + (i * p->x_columns + j) * p->x_depth + d, p->x_columns * p->x_depth, p->x_depth);
        for (int d = 0; d < p->g_depth; d++)
            transform_gradient_tile(p->g_values + (image * tiles + t) * p->g_depth + d, p->g_plane,
                                    g + (i * p->g_columns + j) * p->g_depth + d, p->g_columns * p->g_depth, p->g_depth);
    }
}

/* Adds to the gradients [filter][channel] of G filters and D vectors of channels. */
INLINE void add_products(const int G, const int D, vector *to, int to_step, const vector *x, int x_step, const real *g,
                         int g_step, int length) {
    vector sums[MAX_GROUP][MAX_TILES];
    UNROLL
    for (int a = 0; a < G; a++)
        UNROLL
        for (int d = 0; d < D; d++)
            sums[a][d] = to[a * to_step + d];
    for (int k = 0; k < length; k++) {
        vector values[MAX_TILES];
        UNROLL
        for (int d = 0; d < D; d++)
            values[d] = x[(int64_t)k * x_step + d];
        UNROLL
        for (int a = 0; a < G; a++)
            UNROLL
            for (int d = 0; d < D; d++)
                sums[a][d] += g[(int64_t)k * g_step + a] * values[d];
    }
    UNROLL
    for (int a = 0; a < G; a++)
        UNROLL
        for (int d = 0; d < D; d++)
            to[a * to_step + d] = sums[a][d];
}

#define FOR_DEPTH(G)                                                           \
    switch (depth) {                                                           \
    case 1: add_products(G, 1, to, to_step, x, x_step, g, g_step, length); break; \
    case 2: add_products(G, 2, to, to_step, x, x_step, g, g_step, length); break; \
    case 3: add_products(G, 3, to, to_step, x, x_step, g, g_step, length); break; \
    default: add_products(G, 4, to, to_step, x, x_step, g, g_step, length);    \
    }                                                                          \
    break

static void add_group(int group, int depth, vector *to, int to_step, const vector *x, int x_step, const real *g,
                      int g_step, int length) {
    switch (group) {
    case 1: FOR_DEPTH(1);
    case 2: FOR_DEPTH(2);
    case 3: FOR_DEPTH(3);
    case 4: FOR_DEPTH(4);
    default: FOR_DEPTH(5);
    }
}

static void gradients_of_value(const void *arguments, int64_t value) {
    const Gradient *p = arguments;
    int filters = (int)p->conv->filters, groups = num_groups(filters, PRODUCT_CHANNELS);
    int parts = num_groups(p->x_depth, MAX_TILES), length = p->images * p->tile_rows * p->tile_columns;
    const vector *x = p->x_values + value * p->x_plane;
    const real *g = (const real *)(p->g_values + value * p->g_plane);
    vector *sums = p->sums + value * p->sum_plane;
    if (p->first_image == 0)
        memset(sums, 0, (size_t)(filters * p->x_depth) * sizeof(vector));
    for (int group = 0; group < groups; group++)
        for (int part = 0; part < parts; part++) {
            int o = group_start(filters, groups, group), d = group_start(p->x_depth, parts, part);
            add_group(group_start(filters, groups, group + 1) - o, group_start(p->x_depth, parts, part + 1) - d,
                      sums + o * p->x_depth + d, p->x_depth, x + d, p->x_depth, g + o, p->g_depth * LANES, length);
        }
}

/* The transposed transform of a filter's values in one direction. */
INLINE void transform_back(real to[3], const real d[SIDE]) {
    const real sixth = (real)1 / 6;
    real sum12 = d[1] + d[2], sum34 = d[3] + d[4];
    to[0] = d[0] / 4 - sum12 * sixth + sum34 * sixth / 4;
    to[1] = (d[2] - d[1]) * sixth + (d[3] - d[4]) * sixth / 2;
    to[2] = (sum34 - sum12) * sixth + d[5];
}

static void transform_filters_back(const void *arguments, int64_t o) {
    const Gradient *p = arguments;
    int64_t channels = p->conv->channels;
    for (int64_t c = 0; c < channels; c++) {
        const real *sums = (const real *)(p->sums + o * p->x_depth) + c;
        real rows[3][SIDE], values[SIDE], result[3];
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++)
                values[j] = sums[(i * SIDE + j) * p->sum_plane * LANES];
            transform_back(result, values);
            for (int j = 0; j < 3; j++)
                rows[j][i] = result[j];
        }
        for (int j = 0; j < 3; j++) {
            transform_back(result, rows[j]);
            for (int i = 0; i < 3; i++)
                p->weight[(o * channels + c) * 9 + i * 3 + j] = result[i];
        }
    }
}

/* The gradient of the filters; `work` has place for `winograd_gradient_work` vectors. */
void winograd_weight_gradient(const Convolution *conv, const real *x, const real *g, real *weight, vector *work) {
    Gradient p = gradient_of(conv);
    int64_t x_size = (int64_t)LANES * p.x_rows * p.x_columns * p.x_depth;
    int64_t g_size = (int64_t)LANES * p.g_rows * p.g_columns * p.g_depth, rows = conv->height + 2 * conv->padding - 2;
    p.x = x;
    p.g = g;
    p.weight = weight;
    p.x_maps = work;
    p.g_maps = p.x_maps + x_size;
    p.x_values = p.g_maps + g_size;
    p.g_values = p.x_values + VALUES * p.x_plane;
    p.sums = p.g_values + VALUES * p.g_plane;
    memset(p.x_maps, 0, (size_t)(x_size + g_size) * sizeof(vector)); /* the borders stay zero */
    for (; p.first_image < conv->images; p.first_image += LANES) {
        p.images = (int)MIN(LANES, conv->images - p.first_image);
        for_each(turn_rows, &p, conv->height + rows, conv->threads);
        for_each(transform_image, &p, p.images, conv->threads);
        for_each(gradients_of_value, &p, VALUES, conv->threads);
    }
    for_each(transform_filters_back, &p, conv->filters, conv->threads);
}
