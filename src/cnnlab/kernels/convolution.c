/* Convolutions with stride 1 and the max pooling of 2x2 pixels after them, and their gradients, by the products of
 * direct.c or winograd.c.
 *
 * Work is cut into blocks of LANES images. A block's maps are copied to scratch memory as [channel][row][column][lane]
 * with a border of zeros, so that a vector holds one pixel of LANES images, whatever the layout of the batch and
 * however many images its last block has. Everything is then multiplications of such vectors by weights, and the border
 * makes every window complete.
 *
 * Sums are over the same numbers in the same order for any number of threads.
 */
#include "convolution.h"

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

/* How many numbers of scratch memory `conv_forward` needs; LANES for each array that is then `aligned`. */
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
    return units == 0 || units >= threads ? 1 : MIN(groups, (threads + units - 1) / units);
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
void conv_forward(const Convolution *conv, const real *x, const real *weight, const real *bias, real *y,
                  uint8_t *chosen, real *scratch) {
    Work work = {.conv = conv, .sizes = sizes_of(conv), .x = x, .bias = bias, .y = y, .chosen = chosen};
    real *packed = aligned(scratch);
    if (work.sizes.is_winograd)
        winograd_pack(packed, weight, conv, 0);
    else
        direct_pack(packed, weight, conv, 0);
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
        add_lanes(bias + o, &sum, 1, first);
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
    WeightGradient gradient = {x, inner, C, s->x_rows, s->x_columns, s->g_rows, s->g_columns, s->rows, s->columns, part,
                               is_first};
    if (!s->is_winograd)
        direct_weight_gradient(&gradient, K, O, split, splits);
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
        real *gradients = work->parts + part * (num_weights(work->conv) + work->conv->filters);
        for (int block = start; block < (int)((int64_t)(part + 1) * blocks / parts); block++)
            backward_block(work, block, unit % work->splits, gradients, block == start, scratch);
    }
}

static void sum_parts(real *to, const real *parts, int64_t length, int64_t stride, int count) {
    memcpy(to, parts, (size_t)length * sizeof(real));
    for (int part = 1; part < count; part++)
        for (int64_t place = 0; place < length; place++)
            to[place] += parts[part * stride + place];
}

/* The gradients of x [channel][row][column][image], unless `gx` is NULL, of the filters and of the biases. */
void conv_backward(const Convolution *conv, const real *x, const real *weight, const real *g, const uint8_t *chosen,
                   real *gx, real *g_weight, real *g_bias, real *scratch) {
    Work work = {.conv = conv, .sizes = sizes_of(conv), .x = x, .g = g, .gx = gx, .chosen = (uint8_t *)chosen};
    int parts = num_parts(&work.sizes);
    int64_t stride = num_weights(conv) + conv->filters;
    real *packed = aligned(scratch);
    if (gx && work.sizes.is_winograd)
        winograd_pack(packed, weight, conv, 1);
    else if (gx)
        direct_pack(packed, weight, conv, 1);
    work.weights = packed;
    work.parts = aligned(packed + work.sizes.weights);
    work.scratch = aligned(work.parts + parts * stride);
    work.scratch_per_thread = backward_thread(conv, &work.sizes);
    int groups = num_groups((int)MAX(conv->filters, conv->channels), PRODUCT_CHANNELS);
    work.splits = num_splits((int)conv->threads, parts, groups);
    work.units = parts * work.splits;
    run(backward_task, &work);
    if (work.sizes.is_winograd)
        winograd_weight_gradient(conv, x, g, g_weight,
                                 (vector *)(work.scratch + conv->threads * work.scratch_per_thread));
    else
        sum_parts(g_weight, work.parts, num_weights(conv), stride, parts);
    sum_parts(g_bias, work.parts + num_weights(conv), conv->filters, stride, parts);
}
