/* Direct convolutions with stride 1, and the max pooling of 2x2 pixels after them.
 *
 * Work is cut into blocks of LANES images. A block's maps are copied to scratch memory as [channel][row][column][lane]
 * with a border of zeros, so that a vector holds one pixel of LANES images, whatever the layout of the batch and however
 * many images its last block has. Everything is then multiplications of such vectors by weights: no pixel is copied K²
 * times, and no edge is a special case.
 *
 * The unit of a product is a window of 2x2 pixels times a few output channels: its sums stay in registers, and pooling
 * is their maximum. The gradient of the input is the same product with turned filters.
 *
 * Sums are over the same numbers in the same order for any number of threads.
 */
#include "convolution.h"

#define GRADIENT_CHANNELS(size) (REGISTERS == 32 && (size) == 5 ? 5 : (size) == 5 ? 2 : 3)
#define ROWS_3 (REGISTERS == 32 ? 3 : 1) /* of a 3x3 filter, whose gradients are summed at once */
#define NONE 4 /* of a window's four pixels */
#define MAX_SUMS 9

/* ---- sizes ---- */

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

static int64_t num_weights(const Convolution *conv) {
    return conv->filters * conv->channels * conv->size * conv->size;
}

static Sizes sizes_of(const Convolution *conv) {
    Sizes s;
    int K = (int)conv->size, P = (int)conv->padding;
    s.rows = (int)conv->height + 2 * P - K + 1;
    s.columns = (int)conv->width + 2 * P - K + 1;
    s.out_rows = conv->is_pooled ? s.rows / 2 : s.rows;
    s.out_columns = conv->is_pooled ? s.columns / 2 : s.columns;
    s.blocks = (int)((conv->images + LANES - 1) / LANES);
    s.x_rows = (int)conv->height + 2 * P + 1; /* one more: a window may stick out of an odd image */
    s.x_columns = (int)conv->width + 2 * P + 1;
    s.border = conv->needs_input_gradient ? K - 1 - P : 0;
    s.g_rows = s.rows + 2 * s.border + (conv->needs_input_gradient != 0);
    s.g_columns = s.columns + 2 * s.border + (conv->needs_input_gradient != 0);
    s.is_winograd = winograd_suits(conv);
    s.weights = s.is_winograd ? winograd_weights(conv) : num_weights(conv);
    if (s.is_winograd) { /* tiles stick out further */
        s.x_rows = winograd_pixels(s.rows);
        s.x_columns = winograd_pixels(s.columns);
        s.g_rows = MAX(s.g_rows, winograd_pixels((int)conv->height));
        s.g_columns = MAX(s.g_columns, winograd_pixels((int)conv->width));
    }
    return s;
}

/* Weight gradients are summed in so many parts, whatever the number of threads. */
static int num_parts(const Sizes *s) { return MIN(s->blocks, 16); }

static int64_t x_scratch(const Convolution *conv, const Sizes *s) {
    return conv->channels * s->x_rows * s->x_columns * LANES;
}

static int64_t g_scratch(const Convolution *conv, const Sizes *s) {
    return conv->filters * s->g_rows * s->g_columns * LANES;
}

/* Of one thread. */
static int64_t forward_thread(const Convolution *conv, const Sizes *s) {
    return x_scratch(conv, s) + s->is_winograd * LANES * winograd_work(conv->channels, conv->filters);
}

static int64_t backward_thread(const Convolution *conv, const Sizes *s) {
    return x_scratch(conv, s) + g_scratch(conv, s) +
           s->is_winograd * LANES * winograd_work(conv->filters, conv->channels);
}

/* How many numbers of scratch memory `conv_forward` needs. */
int64_t conv_forward_scratch(const Convolution *conv) {
    Sizes s = sizes_of(conv);
    return 2 * LANES + s.weights + conv->threads * forward_thread(conv, &s);
}

/* How many `conv_backward` needs. */
int64_t conv_backward_scratch(const Convolution *conv) {
    Sizes s = sizes_of(conv);
    return 3 * LANES + s.weights + num_parts(&s) * (num_weights(conv) + conv->filters) +
           conv->threads * backward_thread(conv, &s) + s.is_winograd * LANES * winograd_gradient_work(conv);
}

/* ---- copies to scratch memory ---- */

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
static void copy_in_pooled(vector *to, const real *from, const uint8_t *chosen, const int64_t *strides, int block,
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
                mask g = (mask)windows[j], pixel = __builtin_convertvector(*(const bytes *)chosen, mask);
                at[0] = (vector)(g & (pixel == 0));
                at[1] = (vector)(g & (pixel == 1));
                at[s->g_columns] = (vector)(g & (pixel == 2));
                at[s->g_columns + 1] = (vector)(g & (pixel == 3));
            }
        }
    }
}

/* ---- products ---- */

/* Filters [filter][channel][K][K] as groups of [channel][K][K][filter of the group]. */
static void pack(real *to, const real *weight, const Convolution *conv) {
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
        mask pixel = {0};
        UNROLL
        for (int k = 1; k < 4; k++) {
            mask larger = (sums[k][a] > largest) | (sums[k][a] != sums[k][a]); /* NaN wins, as in torch */
            largest = choose(larger, sums[k][a], largest);
            pixel = choose_mask(larger, (mask){0} + k, pixel);
        }
        if (p->is_rectified) {
            pixel = choose_mask(largest <= 0, (mask){0} + NONE, pixel);
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
static void direct_product(const Product *p, int size, int pooled, int filters, int split, int splits) {
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

/* ---- the gradient of the weights ---- */

typedef struct {
    const vector *x, *g; /* g without its border */
    int channels, x_rows, x_columns, g_rows, g_columns, rows, columns;
    real *weight; /* [filter][channel][K][K], from the group's first filter */
    int first;    /* whether to set it, instead of adding to it */
} WeightGradient;

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
                add_lanes(p->weight + (((int64_t)a * p->channels + c) * K + ky) * K, 1, totals[a], R * K, p->first);
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

/* ---- work for threads ---- */

typedef struct {
    const Convolution *conv;
    Sizes sizes;
    int units;  /* of work, divided among the threads */
    int splits; /* of the channels of one block of images, if there are more threads than blocks */
    const real *x, *g, *weights, *bias;
    real *y, *gx, *parts, *scratch;
    uint8_t *chosen;
    int is_parallel;
    int64_t scratch_per_thread;
} Work;

/* This thread's units: OpenMP may start fewer threads than requested. */
INLINE void my_units(const Work *work, int *first, int *end, real **scratch) {
    int threads = work->is_parallel ? num_threads() : 1, me = work->is_parallel ? thread_number() : 0;
    *first = (int)((int64_t)me * work->units / threads);
    *end = (int)((int64_t)(me + 1) * work->units / threads);
    *scratch = work->scratch + me * work->scratch_per_thread;
}

static void run(Task task, Work *work) {
    work->is_parallel = work->conv->threads > 1 && work->units > 1 && run_in_parallel;
    if (work->is_parallel)
        run_in_parallel(task, work, (unsigned)work->conv->threads, 0);
    else
        task(work);
}

static int num_splits(int threads, int units, int groups) {
    return units >= threads ? 1 : MIN(groups, (threads + units - 1) / units);
}

/* ---- forward ---- */

static void forward_task(void *argument) {
    const Work *work = argument;
    const Convolution *conv = work->conv;
    const Sizes *s = &work->sizes;
    int C = (int)conv->channels, O = (int)conv->filters, K = (int)conv->size, N = (int)conv->images, first, end;
    int copied = -1;
    real *scratch;
    my_units(work, &first, &end, &scratch);
    for (int unit = first; unit < end; unit++) {
        int block = unit / work->splits, split = unit % work->splits;
        int64_t outputs = (int64_t)block * LANES * O * s->out_rows * s->out_columns;
        vector *x = (vector *)scratch;
        if (block != copied)
            copy_in(x, work->x, conv->x_strides, block, N, C, (int)conv->height, (int)conv->width, (int)conv->padding,
                    s->x_rows, s->x_columns);
        copied = block;
        Product p = {x, C, s->x_rows, s->x_columns, (int)conv->padding, (int)conv->height, (int)conv->width,
                     work->weights, work->bias, work->y + block * LANES, work->chosen ? work->chosen + outputs : 0,
                     s->out_rows, s->out_columns, MIN(LANES, N - block * LANES), (int)conv->is_rectified, N};
        if (s->is_winograd)
            winograd_product(&p, O, 0, x + x_scratch(conv, s) / LANES, split, work->splits);
        else
            direct_product(&p, K, (int)conv->is_pooled, O, split, work->splits);
    }
}

/* y [filter][row][column][image] of x and the filters [filter][channel][K][K].
 * If pooled, `chosen` [block][filter][row][column][lane] keeps which of a window's four pixels was the largest, unless
 * it is NULL. */
void conv_forward(const Convolution *conv, const real *x, const real *weight, const real *bias, real *y, uint8_t *chosen,
             real *scratch) {
    Work work = {.conv = conv, .sizes = sizes_of(conv), .x = x, .bias = bias, .y = y, .chosen = chosen};
    real *packed = aligned(scratch);
    if (work.sizes.is_winograd)
        winograd_pack(packed, weight, conv, 0);
    else
        pack(packed, weight, conv);
    work.weights = packed;
    work.scratch = aligned(packed + work.sizes.weights);
    work.scratch_per_thread = forward_thread(conv, &work.sizes);
    work.splits = num_splits((int)conv->threads, work.sizes.blocks, num_groups((int)conv->filters, PRODUCT_CHANNELS));
    work.units = work.sizes.blocks * work.splits;
    run(forward_task, &work);
}

/* ---- backward ---- */

static void bias_gradient(real *bias, const vector *g, int O, const Sizes *s, int first) {
    for (int o = 0; o < O; o++, g += s->g_rows * s->g_columns) {
        vector sum = {0};
        for (int y = 0; y < s->rows; y++)
            for (int x = 0; x < s->columns; x++)
                sum += g[y * s->g_columns + x];
        add_lanes(bias + o, 1, &sum, 1, first);
    }
}

static void backward_block(const Work *work, int block, int split, real *part, int is_first, real *scratch) {
    const Convolution *conv = work->conv;
    const Sizes *s = &work->sizes;
    int C = (int)conv->channels, O = (int)conv->filters, K = (int)conv->size, N = (int)conv->images;
    int H = (int)conv->height, W = (int)conv->width, splits = work->splits;
    vector *x = (vector *)scratch, *g = (vector *)(scratch + x_scratch(conv, s));
    const vector *inner = g + s->border * s->g_columns + s->border;
    if (!s->is_winograd)
        copy_in(x, work->x, conv->x_strides, block, N, C, H, W, (int)conv->padding, s->x_rows, s->x_columns);
    if (conv->is_pooled)
        copy_in_pooled(g, work->g, work->chosen, conv->g_strides, block, N, O, s);
    else
        copy_in(g, work->g, conv->g_strides, block, N, O, s->rows, s->columns, s->border, s->g_rows, s->g_columns);
    int groups = s->is_winograd ? 0 : num_groups(O, GRADIENT_CHANNELS(K));
    for (int group = split * groups / splits; group < (split + 1) * groups / splits; group++) {
        int o = group_start(O, groups, group);
        WeightGradient p = {x, inner + o * s->g_rows * s->g_columns, C, s->x_rows, s->x_columns, s->g_rows,
                            s->g_columns, s->rows, s->columns, part + (int64_t)o * C * K * K, is_first};
        (K == 3 ? weight_gradient_3 : weight_gradient_5)(group_start(O, groups, group + 1) - o, &p);
    }
    if (split == 0)
        bias_gradient(part + num_weights(conv), inner, O, s, is_first);
    if (!work->gx)
        return;
    Product p = {g, O, s->g_rows, s->g_columns, s->border, s->rows, s->columns, work->weights, 0,
                 work->gx + block * LANES, 0, H, W, MIN(LANES, N - block * LANES), 0, N};
    if (s->is_winograd)
        winograd_product(&p, C, 1, g + g_scratch(conv, s) / LANES, split, splits);
    else
        direct_product(&p, K, 0, C, split, splits);
}

static void backward_task(void *argument) {
    const Work *work = argument;
    int first, end, blocks = work->sizes.blocks, parts = num_parts(&work->sizes);
    real *scratch;
    my_units(work, &first, &end, &scratch);
    for (int unit = first; unit < end; unit++) {
        int part = unit / work->splits, start = (int)((int64_t)part * blocks / parts);
        for (int block = start; block < (int)((int64_t)(part + 1) * blocks / parts); block++)
            backward_block(work, block, unit % work->splits,
                           work->parts + part * (num_weights(work->conv) + work->conv->filters), block == start, scratch);
    }
}

static void sum_parts(real *to, const real *parts, int64_t length, int64_t stride, int count) {
    memcpy(to, parts, (size_t)length * sizeof(real));
    for (int part = 1; part < count; part++)
        for (int64_t place = 0; place < length; place++)
            to[place] += parts[part * stride + place];
}

/* The gradients of x [channel][row][column][image], unless `gx` is NULL, of the filters and of the biases. */
void conv_backward(const Convolution *conv, const real *x, const real *weight, const real *g, const uint8_t *chosen, real *gx,
              real *g_weight, real *g_bias, real *scratch) {
    Work work = {.conv = conv, .sizes = sizes_of(conv), .x = x, .g = g, .gx = gx, .chosen = (uint8_t *)chosen};
    int parts = num_parts(&work.sizes);
    int64_t stride = num_weights(conv) + conv->filters;
    real *packed = aligned(scratch);
    if (gx && work.sizes.is_winograd)
        winograd_pack(packed, weight, conv, 1);
    else if (gx)
        pack_turned(packed, weight, conv);
    work.weights = packed;
    work.parts = aligned(packed + work.sizes.weights);
    work.scratch = aligned(work.parts + parts * stride);
    work.scratch_per_thread = backward_thread(conv, &work.sizes);
    work.splits = num_splits((int)conv->threads, parts, num_groups((int)MAX(conv->filters, conv->channels), PRODUCT_CHANNELS));
    work.units = parts * work.splits;
    run(backward_task, &work);
    if (work.sizes.is_winograd)
        winograd_weight_gradient(conv, x, g, g_weight,
                                 (vector *)(work.scratch + conv->threads * work.scratch_per_thread));
    else
        sum_parts(g_weight, work.parts, num_weights(conv), stride, parts);
    sum_parts(g_bias, work.parts + num_weights(conv), conv->filters, stride, parts);
}
