/* The gradient of 3x3 filters, by the transposed transforms of winograd.c, of LANES images at a time.
 *
 * Here channels are innermost, so that no vector has to be summed over its lanes.
 */
#include "winograd.h"

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
                rows[c] = (vector){0};
                if (d * LANES + c >= channels)
                    continue;
                const real *at = from + (d * LANES + c) * strides[1] + x * strides[3];
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
    UNROLL
    for (int j = 0; j < TILE; j++) {
        UNROLL
        for (int i = 0; i < TILE; i++)
            column[i] = g[i * row + j * step];
        transform_gradient(values, column);
        UNROLL
        for (int i = 0; i < SIDE; i++)
            rows[i][j] = values[i];
    }
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        transform_gradient(values, rows[i]);
        UNROLL
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
    }

static void add_group(int group, int depth, vector *to, int to_step, const vector *x, int x_step, const real *g,
                      int g_step, int length) {
    switch (group) {
    case 1: FOR_DEPTH(1) break;
    case 2: FOR_DEPTH(2) break;
    case 3: FOR_DEPTH(3) break;
    case 4: FOR_DEPTH(4) break;
    default: FOR_DEPTH(5)
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
