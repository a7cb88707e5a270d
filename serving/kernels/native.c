/* Runs a graph's steps on the processor that is there; library.py says when and why.

   Nothing here allocates, keeps state or knows a model: whoever calls owns all memory,
   so that any number of threads may call at once. */

#include <float.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "processor.h"

#define PANEL 16 /* columns of a matrix that are packed together */
#define LINE 16 /* floats that come into a cache together */
#define LEAST_PART 65536 /* bytes of a matrix that are worth a helper's while */
#define ALWAYS static inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors never leave this file */
#define FETCHED_INPUTS 0

/* dot4: to each of 16 sums, four bytes of a row times four of its column. Weights have
   seven bits, so that two products together fit the 16 bits that AVX2 has for them. */

#ifdef __x86_64__
#include <immintrin.h>

#define ANY(compared) (_mm512_movepi32_mask((__m512i)(compared)) != 0)
#define NAME(x) x##_vnni
#define LANES 16
#define ROWS 12
#define BLOCK 24
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,prefer-vector-width=512")
#define DOT4(sums, four, columns) \
    (VI) _mm512_dpbusd_epi32((__m512i)(sums), _mm512_set1_epi32(four), _mm512_loadu_si512(columns))
#include "program.inc"
#pragma GCC pop_options
#undef DOT4
#undef NAME
#undef LANES
#undef ROWS
#undef BLOCK

#define NAME(x) x##_avx512
#define LANES 16
#define ROWS 12
#define BLOCK 24
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")
ALWAYS __m512i dot4_avx512(__m512i sums, int32_t four, const int8_t *columns)
{
    const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi32(four), _mm512_loadu_si512(columns));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
#define DOT4(sums, four, columns) (VI) dot4_avx512((__m512i)(sums), four, columns)
#include "program.inc"
#pragma GCC pop_options
#undef DOT4
#undef NAME
#undef LANES
#undef ROWS
#undef BLOCK

#undef ANY
#define ANY(compared) (_mm256_movemask_ps((__m256)(compared)) != 0)
#define LARGER(x, y) _mm256_max_ps((__m256)(x), (__m256)(y))
#define TO_BYTES(x, zero) to_bytes_avx2(_mm256_cvtps_epi32((__m256)(x)), zero)
#undef FETCHED_INPUTS
#define FETCHED_INPUTS 256
#define NAME(x) x##_avx2
#define LANES 8
#define ROWS 6
#define BLOCK 12
#pragma GCC push_options
#pragma GCC target("avx2,fma")
ALWAYS __m256i dot4_avx2(__m256i sums, int32_t four, const int8_t *columns)
{
    /* Columns from memory, or they would take registers that sums need. */
    __m256i pairs;
    __asm__("vpmaddubsw %2, %1, %0" : "=x"(pairs) : "x"(_mm256_set1_epi32(four)), "m"(*(const __m256i_u *)columns));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
/* What is below 0 becomes 0, and what is above 255 that. */
ALWAYS int64_t to_bytes_avx2(__m256i x, int32_t zero)
{
    x = _mm256_add_epi32(x, _mm256_set1_epi32(zero));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
}
#define DOT4(sums, four, columns) (VI) dot4_avx2((__m256i)(sums), four, columns)
#include "program.inc"
#pragma GCC pop_options
#undef DOT4
#undef NAME
#undef LANES
#undef ROWS
#undef BLOCK
#undef ANY
#undef LARGER
#undef TO_BYTES
#undef FETCHED_INPUTS
#define FETCHED_INPUTS 0
#endif

#define ANY(compared) any_plain(compared)
#define NAME(x) x##_plain
#define LANES 4
#define ROWS 3
#define BLOCK 12
typedef int32_t fours __attribute__((vector_size(16), may_alias));
ALWAYS int any_plain(fours compared)
{
    return (compared[0] | compared[1] | compared[2] | compared[3]) != 0;
}
ALWAYS fours dot4_plain(fours sums, int32_t four, const int8_t *columns)
{
    uint8_t x[4];
    memcpy(x, &four, sizeof x);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            sums[i] += x[j] * columns[4 * i + j];
    return sums;
}
#define DOT4(sums, four, columns) dot4_plain(sums, four, columns)
#include "program.inc"

#define PROCESSOR(x) {#x, run_##x, highest_##x, likeliest_##x, log_total_##x}

static const Processor processors[] = {
#ifdef __x86_64__
    PROCESSOR(vnni),
    PROCESSOR(avx512),
    PROCESSOR(avx2),
#endif
    PROCESSOR(plain),
};

static int fits(const char *name)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    const int avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                       && __builtin_cpu_supports("avx512dq");
    if (!strcmp(name, "vnni"))
        return avx512 && __builtin_cpu_supports("avx512vnni");
    if (!strcmp(name, "avx512"))
        return avx512;
    if (!strcmp(name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return !strcmp(name, "plain");
}

/* The kind of that name if this processor is one, else NULL; without a name the best.
   "plain" is for tests: wherever nothing else fits, onnxruntime is quicker. */
const void *onnxlate_processor(const char *name)
{
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++) {
        const char *here = processors[i].name;
        if ((name ? !strcmp(name, here) : strcmp("plain", here)) && fits(here))
            return &processors[i];
    }
    return NULL;
}

/* What library.py asks for; the number is raised whenever what is handed over changes. */
const int onnxlate_layout_7 = 1;

const char *onnxlate_name(const void *processor)
{
    return ((const Processor *)processor)->name;
}

/* Bytes of the largest cache that a core has for itself; 0 where nobody knows. */
int64_t onnxlate_cache_bytes(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long size = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return size > 0 ? size : 0;
#else
    return 0;
#endif
}

/* 0 for a token or a position that no table has, and then nothing of the rest is done.
   `positions` has room for as many numbers as there are rows; `team`, which may be NULL,
   is nobody else's at the time. */
int onnxlate_run(const void *processor, const Op *ops, int64_t num_ops, const Batch *batch, int64_t *positions,
                 Team *team)
{
    if (!batch->rows)
        return 1;
    const int64_t each = batch->sentences ? batch->rows / batch->sentences : 0;
    int64_t row = 0;
    for (int64_t p = 0; p < batch->sentences; p++)
        if (batch->target_lengths)
            for (int64_t i = 0; i < each; i++)
                positions[row++] = batch->target_lengths[p] > 0 ? batch->target_lengths[p] - 1 : 0;
        else
            for (int64_t i = 0; i < batch->source_lengths[p]; i++)
                positions[row++] = i;
    return ((const Processor *)processor)->run(ops, num_ops, batch, positions, team);
}

/* The likeliest token of each row: (R,); 0 if a row has none, since none of its scores is a
   number. */
int onnxlate_choose(const void *processor, const Choice *choice, int64_t rows, int64_t *tokens)
{
    int found = 1;
    for (int64_t r = 0; r < rows; r++) {
        tokens[r] = ((const Processor *)processor)->highest(
            choice->logits + r * choice->vocabulary, choice->vocabulary, choice->error ? choice->error[r] : 0,
            choice->error ? choice->decoded + r * choice->width : NULL, choice->generator, choice->bias,
            choice->width);
        found &= tokens[r] >= 0;
    }
    return found;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

Pace onnxlate_pace(void)
{
    return (Pace){.began = now()};
}

/* Whether a step was the last one: `most` are done, or there is news, that a sentence is over or
   that somebody waits, and with one more it would have waited longer than anybody minds. News
   that comes late in a stretch of steps waits for its end at most. */
int onnxlate_enough(Pace *pace, const Ahead *ahead, int over)
{
    if (++pace->steps == ahead->most)
        return 1;
    const int64_t done = now(), took = done - pace->began;
    pace->began = done;
    if (!pace->news && (over || *ahead->stop))
        pace->news = done;
    if (!pace->news)
        return 0;
    return pace->steps % ahead->stretch == 0 || done + took - pace->news > ahead->patience;
}

/* Rows that end with these tokens, or are cut after this step. */
static int64_t num_over(const int64_t *tokens, int64_t rows, const Ahead *ahead, int64_t step)
{
    int64_t found = 0;
    for (int64_t r = 0; r < rows; r++)
        found += tokens[r] == ahead->end || ahead->left[r] == step;
    return found;
}

/* Steps of greedy search until it is enough, or all sentences are over. Those that are before
   the last step go on, and what they say then means nothing. How many steps there were; 0 as of
   onnxlate_run, -1 if a row has no token to say. */
int64_t onnxlate_ahead(const void *processor, const Op *ops, int64_t num_ops, const Batch *batch,
                       int64_t *positions, Team *team, const Choice *choice, const Ahead *ahead)
{
    int64_t over = 0; /* who is so twice counts twice, which ends it early at worst */
    for (Pace pace = onnxlate_pace();;) {
        int64_t *tokens = ahead->tokens + pace.steps * batch->rows;
        if (!onnxlate_run(processor, ops, num_ops, batch, positions, team))
            return 0;
        if (!onnxlate_choose(processor, choice, batch->rows, tokens))
            return -1;
        memcpy(ahead->ids, tokens, batch->rows * sizeof *tokens);
        over += num_over(tokens, batch->rows, ahead, pace.steps + 1);
        if (onnxlate_enough(&pace, ahead, over > 0) || over >= batch->rows)
            return pace.steps;
        for (int64_t r = 0; r < batch->rows; r++)
            ahead->target_lengths[r]++;
    }
}

/* Rows of a block, (entries, rows, heads, room, row_bytes / room), from one place to
   another, one after the other; `lengths` positions of each. */
void onnxlate_copy(char *block, int64_t entries, int64_t entry_bytes, int64_t heads, int64_t head_bytes,
                   int64_t position_bytes, int64_t count, const int64_t *from, const int64_t *to,
                   const int64_t *lengths)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t entry = 0; entry < entries; entry++)
            for (int64_t head = 0; head < heads; head++) {
                char *rows = block + entry * entry_bytes + head * head_bytes;
                memcpy(rows + to[i] * heads * head_bytes, rows + from[i] * heads * head_bytes,
                       lengths[i] * position_bytes);
            }
}

/* logits (rows, size), tokens (rows, width), a row's likeliest first -> (rows, width) */
void onnxlate_log_probs(const void *processor, const float *logits, int64_t rows, int64_t size, int64_t width,
                        const int64_t *tokens, float *log_probs)
{
    for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * size;
        const float total = ((const Processor *)processor)->log_total(row, size, row[tokens[r * width]]);
        for (int64_t i = 0; i < width; i++)
            log_probs[r * width + i] = row[tokens[r * width + i]] - total;
    }
}

/* (outputs, inputs) -> panels of outputs, zeros where there are none */
void onnxlate_pack_floats(const float *matrix, int64_t outputs, int64_t inputs, float *packed)
{
    for (int64_t n = 0; n < (outputs + PANEL - 1) / PANEL * PANEL; n++)
        for (int64_t k = 0; k < inputs; k++)
            packed[(n / PANEL * inputs + k) * PANEL + n % PANEL] = n < outputs ? matrix[n * inputs + k] : 0;
}

/* The same for bytes, four inputs together; inputs is a multiple of four. */
void onnxlate_pack_bytes(const int8_t *matrix, int64_t outputs, int64_t inputs, int8_t *packed)
{
    for (int64_t n = 0; n < (outputs + PANEL - 1) / PANEL * PANEL; n++)
        for (int64_t k = 0; k < inputs; k++)
            packed[n / PANEL * PANEL * inputs + (k / 4 * PANEL + n % PANEL) * 4 + k % 4] = n < outputs ? matrix[n * inputs + k] : 0;
}
