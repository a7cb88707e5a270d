/* What every kind of processor has a version of, and what is made of it in C. */

#ifndef ONNXLATE_PROCESSOR_H
#define ONNXLATE_PROCESSOR_H

#include "program.h"
#include "team.h"

typedef struct {
    const char *name;
    int (*run)(const Op *, int64_t, const Batch *, const int64_t *, Team *);
    int64_t (*highest)(const float *, int64_t, float, const float *, const float *, const float *,
                       int64_t);
    void (*likeliest)(const float *, int64_t, int64_t, int64_t *);
    float (*log_total)(const float *, int64_t, float);
} Processor;

int onnxlate_run(const void *processor, const Op *ops, int64_t num_ops, const Batch *batch, int64_t *positions,
                 Team *team);

void onnxlate_copy(char *block, int64_t entries, int64_t entry_bytes, int64_t heads, int64_t head_bytes,
                   int64_t position_bytes, int64_t count, const int64_t *from, const int64_t *to,
                   const int64_t *lengths);

/* Of several steps, how far they are. */
typedef struct {
    int64_t steps; /* that are done */
    int64_t began; /* the one under way; nanoseconds, as below */
    int64_t news;  /* since when there is some; 0: there is none */
} Pace;

Pace onnxlate_pace(void);

int onnxlate_enough(Pace *pace, const Ahead *ahead, int over);

#endif
