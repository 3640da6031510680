/* Packs one tensor with spatten_pack.h, prints the bits of its scale, and writes every channel's bytes to files. */
#include "spatten_pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number(const char *text) { return strtoull(text, NULL, 0); }

int main(int argc, char **argv)
{
    uint64_t bits, channel_bytes, address;
    unsigned heads, rows, dim, msb, lsb, channels, addr_width, head, row, byte;
    spatten_region high_region, low_region;
    uint8_t *memory, high[256], low[256];
    double *values, scale;
    int16_t *integers;
    size_t count;
    FILE *file;

    if (argc != 17) return 2;
    heads = (unsigned)number(argv[2]);
    rows = (unsigned)number(argv[3]);
    dim = (unsigned)number(argv[4]);
    msb = (unsigned)number(argv[5]);
    lsb = (unsigned)number(argv[6]);
    high_region = (spatten_region){number(argv[7]), number(argv[8]), number(argv[9])};
    low_region = (spatten_region){number(argv[10]), number(argv[11]), number(argv[12])};
    channels = (unsigned)number(argv[13]);
    addr_width = (unsigned)number(argv[14]);
    channel_bytes = number(argv[15]);

    count = (size_t)heads * rows * dim;
    values = malloc(count * sizeof *values);
    integers = malloc(count * sizeof *integers);
    memory = calloc(channels, channel_bytes);
    file = fopen(argv[1], "rb");
    if (!values || !integers || !memory || !file || fread(values, sizeof *values, count, file) != count) return 3;
    fclose(file);
    if (spatten_quantise(values, count, msb + lsb, integers, &scale) != SPATTEN_PACK_OK) {
        puts("refused");
        return 0;
    }
    for (head = 0; head < heads; head++) {
        for (row = 0; row < rows; row++) {
            spatten_pack_vector(integers + ((size_t)head * rows + row) * dim, dim, msb, lsb, high, low);
            for (byte = 0; byte < (msb + lsb) * dim / 8; byte++) {
                int upper = byte < msb * dim / 8;
                address = upper ? spatten_address(&high_region, head, row, addr_width) + byte
                                : spatten_address(&low_region, head, row, addr_width) + byte - msb * dim / 8;
                memory[spatten_channel(address, channels) * channel_bytes + spatten_local(address, channels)] =
                    upper ? high[byte] : low[byte - msb * dim / 8];
            }
        }
    }
    file = fopen(argv[16], "wb");
    if (!file || fwrite(memory, channel_bytes, channels, file) != channels) return 4;
    fclose(file);
    memcpy(&bits, &scale, sizeof bits);
    printf("%016" PRIx64 " %u\n", bits,
           spatten_channels_visited(&high_region, rows, msb * dim / 8, channels));
    return 0;
}
