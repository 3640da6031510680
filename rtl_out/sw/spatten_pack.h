/*
 * From float tensors to a memory image: quantisation, bit planes, addresses, memory channels.
 *
 * Header only, C99, no allocation. The same numbers and bytes as `spatten-gen pack` and spatten_pack.py, on any machine
 * whose double is IEEE 754 binary64 with rounding to nearest even (the default).
 */
#ifndef SPATTEN_PACK_H
#define SPATTEN_PACK_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a sector, the unit of memory traffic. */
#define SPATTEN_SECTOR 32u

/* Where the vectors of one stream lie: base + head * head_stride + token * token_stride, in bytes. */
typedef struct {
    uint64_t base;
    uint64_t head_stride;
    uint64_t token_stride;
} spatten_region;

typedef enum {
    SPATTEN_PACK_OK = 0,
    SPATTEN_PACK_BITS,       /* bits below 2 or above 16 */
    SPATTEN_PACK_NOT_FINITE  /* an element is an infinity or no number */
} spatten_pack_status;

/*
 * Quantises n values to `bits` signed bits: scale = max|v| / (2^(bits-1) - 1), 1 where that would be 0; each v / scale is
 * rounded half to even and clamped to +-(2^(bits-1) - 1). Nothing is written when the status is not OK.
 */
static inline spatten_pack_status spatten_quantise(const double *values, size_t n, unsigned bits, int16_t *integers,
                                                   double *scale)
{
    double limit, largest = 0.0, unit;
    size_t i;

    if (bits < 2 || bits > 16) return SPATTEN_PACK_BITS;
    limit = (double)((1 << (bits - 1)) - 1);
    for (i = 0; i < n; i++) {
        if (!isfinite(values[i])) return SPATTEN_PACK_NOT_FINITE;
        if (fabs(values[i]) > largest) largest = fabs(values[i]);
    }
    unit = largest / limit;
    if (unit == 0.0) unit = 1.0;
    for (i = 0; i < n; i++) {
        double rounded = rint(values[i] / unit);
        if (rounded > limit) rounded = limit;
        if (rounded < -limit) rounded = -limit;
        integers[i] = (int16_t)rounded;
    }
    *scale = unit;
    return SPATTEN_PACK_OK;
}

/*
 * Cuts a vector of `dim` integers (a multiple of 8) of msb + lsb bits into plane words, most significant first: bit i of
 * plane word p is bit msb + lsb - 1 - p of element i. The first msb words go to `high` (msb * dim / 8 bytes), the others
 * to `low` (lsb * dim / 8 bytes; may be null when lsb is 0).
 */
static inline void spatten_pack_vector(const int16_t *integers, unsigned dim, unsigned msb, unsigned lsb, uint8_t *high,
                                       uint8_t *low)
{
    unsigned plane, byte, bit;

    for (plane = 0; plane < msb + lsb; plane++) {
        uint8_t *word = plane < msb ? high + plane * (dim / 8) : low + (plane - msb) * (dim / 8);
        unsigned place = msb + lsb - 1 - plane;
        for (byte = 0; byte < dim / 8; byte++) {
            unsigned value = 0;
            for (bit = 0; bit < 8; bit++) {
                value |= (((unsigned)(uint16_t)integers[8 * byte + bit] >> place) & 1u) << bit;
            }
            word[byte] = (uint8_t)value;
        }
    }
}

/* Address of the vector of a head and token (original ids), modulo 2^addr_width. */
static inline uint64_t spatten_address(const spatten_region *region, unsigned head, unsigned token, unsigned addr_width)
{
    uint64_t address = region->base + region->head_stride * head + region->token_stride * token;
    return addr_width >= 64 ? address : address & ((UINT64_C(1) << addr_width) - 1);
}

/* Memory channel of the byte at `address`. */
static inline unsigned spatten_channel(uint64_t address, unsigned channels)
{
    return (unsigned)(address / SPATTEN_SECTOR % channels);
}

/* Address of that byte inside its channel, before the channel's base is added. */
static inline uint64_t spatten_local(uint64_t address, unsigned channels)
{
    return address / SPATTEN_SECTOR / channels * SPATTEN_SECTOR + address % SPATTEN_SECTOR;
}

/*
 * How many of the channels hold a part of the vectors of one head: `rows` vectors of `bytes` bytes, at most 64 channels.
 * Fewer than there are leave memory bandwidth idle while the head is read.
 */
static inline unsigned spatten_channels_visited(const spatten_region *region, unsigned rows, unsigned bytes,
                                                unsigned channels)
{
    uint64_t seen = 0;
    unsigned count = 0, row;

    for (row = 0; row < rows; row++) {
        uint64_t first = (region->base + row * region->token_stride) / SPATTEN_SECTOR;
        uint64_t last = (region->base + row * region->token_stride + bytes - 1) / SPATTEN_SECTOR;
        for (; first <= last; first++) seen |= UINT64_C(1) << (first % channels);
    }
    for (; seen != 0; seen &= seen - 1) count++;
    return count;
}

#endif
