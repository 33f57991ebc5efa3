/* Batch normalisation, and ReLU after it.
 *
 * A channel's numbers are contiguous when the batch is innermost, and stay in the cache between the passes over them.
 */
#include "vectors.h"

#include <math.h>

#define BANKS 4 /* of independent sums, since an addition takes several cycles */

/* In the order of the fields in batch_norm.py. x, y and their gradients are [channel][length], the others [channel]. */
typedef struct {
    int64_t channels, length;
    const real *x, *weight, *bias; /* the last two may be NULL */
    real *y, *mean, *variance;     /* variance of the population */
    const real *y_gradient;
    real *x_gradient, *weight_gradient, *bias_gradient;
    double epsilon;
    int64_t is_rectified, threads;
} BatchNorm;

INLINE real sum_of(const vector *banks) {
    vector total = (banks[0] + banks[1]) + (banks[2] + banks[3]);
    real sum;
    add_lanes(&sum, &total, 1, 1);
    return sum;
}

/* Runs a statement for each vector of a channel, with its place, how many numbers it has, and a bank. After whole
 * rounds of banks, at most BANKS vectors are left. */
#define FOR_VECTORS(length, statement)                                                    \
    do {                                                                                  \
        int64_t at = 0;                                                                   \
        for (; at + BANKS * LANES <= (length);)                                           \
            for (int bank = 0; bank < BANKS; bank++, at += LANES) {                       \
                const int count = LANES;                                                  \
                statement;                                                                \
            }                                                                             \
        for (int bank = 0; at < (length); bank++, at += LANES) {                          \
            const int count = (int)MIN(LANES, (length) - at);                             \
            statement;                                                                    \
        }                                                                                 \
    } while (0)

INLINE vector only(int count, vector value) { /* zeros in the lanes that have no number */
    real lane[LANES];
    if (count == LANES)
        return value;
    store(lane, value, LANES);
    memset(lane + count, 0, (size_t)(LANES - count) * sizeof(real));
    return load(lane, LANES);
}

static void normalise_channel(const void *arguments, int64_t channel) {
    const BatchNorm *p = arguments;
    const real *x = p->x + channel * p->length;
    real *y = p->y + channel * p->length;
    vector sums[BANKS] = {{0}}, differences[BANKS] = {{0}}, squares[BANKS] = {{0}};
    FOR_VECTORS(p->length, sums[bank] += load(x + at, count));
    real mean = sum_of(sums) / (real)p->length;
    FOR_VECTORS(p->length, vector difference = only(count, load(x + at, count) - mean);
                differences[bank] += difference; squares[bank] += difference * difference);
    real error = sum_of(differences) / (real)p->length; /* by which rounding has made the mean too small */
    real variance = MAX(sum_of(squares) / (real)p->length - error * error, 0);
    mean += error;
    real scale = (real)(1 / sqrt((double)variance + p->epsilon)) * (p->weight ? p->weight[channel] : 1);
    real shift = p->bias ? p->bias[channel] : 0;
    p->mean[channel] = mean;
    p->variance[channel] = variance;
    FOR_VECTORS(p->length, (void)bank; vector value = (load(x + at, count) - mean) * scale + shift;
                store(y + at, p->is_rectified ? rectified(value) : value, count));
}

/* y, and the mean and the variance of each channel. */
void batch_norm_forward(const BatchNorm *p) { for_each(normalise_channel, p, p->channels, p->threads); }

/* What ReLU lets pass of a gradient. */
INLINE vector passed(const real *gradient, const real *rectified_y, int64_t at, int count) {
    vector g = load(gradient + at, count);
    return rectified_y ? (vector)((integers)g & ~(integers)(load(rectified_y + at, count) <= 0)) : g;
}

static void differentiate_channel(const void *arguments, int64_t channel) {
    const BatchNorm *p = arguments;
    int64_t start = channel * p->length;
    const real *x = p->x + start, *y = p->is_rectified ? p->y + start : 0, *gradient = p->y_gradient + start;
    real *x_gradient = p->x_gradient + start, mean = p->mean[channel], length = (real)p->length;
    vector sums[BANKS] = {{0}}, products[BANKS] = {{0}};
    FOR_VECTORS(p->length, vector g = passed(gradient, y, at, count); sums[bank] += g;
                products[bank] += g * (load(x + at, count) - mean));
    real sum = sum_of(sums), inverse = (real)(1 / sqrt((double)p->variance[channel] + p->epsilon));
    real product = sum_of(products) * inverse;
    p->bias_gradient[channel] = sum;
    p->weight_gradient[channel] = product;
    real scale = inverse * (p->weight ? p->weight[channel] : 1), slope = product * inverse / length;
    FOR_VECTORS(p->length, (void)bank;
                vector centred = passed(gradient, y, at, count) - sum / length - (load(x + at, count) - mean) * slope;
                store(x_gradient + at, centred * scale, count));
}

/* The gradients of x, weight and bias. */
void batch_norm_backward(const BatchNorm *p) { for_each(differentiate_channel, p, p->channels, p->threads); }
