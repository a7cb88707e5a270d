/* What library.py hands over: a graph as a list of steps, and what to run it on.

   Axes as everywhere: R rows, P sentences, k rows of each, S room for source
   positions, C room for target positions, H heads, E head width, D = H * E. */

#ifndef ONNXLATE_PROGRAM_H
#define ONNXLATE_PROGRAM_H

#include <stdint.h>

enum Kind {
    LOOKUP,          /* to = table[id] * factor + position */
    LOOKUP_INT8,     /* to = table[id] * scale[id] * factors + position */
    ADD,             /* to = from + with */
    MULTIPLY,        /* to = from * with */
    SCALE,           /* to = from * vector */
    NORM,            /* to = layer normalisation of from */
    RELU,
    GELU,
    SIGMOID,
    QUANTIZE,        /* bytes of to = round(from / step) + zero */
    PRODUCT,         /* to = from * matrix + bias */
    PRODUCT_INT8,    /* to = (from * matrix - offsets) * scales + bias */
    PRODUCT_BYTES,   /* bytes of to = round((from * matrix - offsets) * scales) + zero */
    LOOK_BACK,       /* to = self-attention of the newest position, which joins past */
    LOOK_ACROSS,     /* to = attention to the source */
    LOOK_AROUND,     /* to = self-attention among the positions of a source */
    KEEP,            /* from, to entry `entry` of cross */
    REACH,           /* to (R,) = how far the scores of with, rounded from, may be off */
    LENGTH,          /* to (R,) = the Euclidean length of from, times number, plus weight */
    COPY,            /* to = from */
};

typedef struct {
    int32_t kind;
    int32_t to, from, with; /* slots */
    int32_t inputs, outputs; /* numbers of a row, before and after; lookups: of tokens */
    int32_t entry;           /* of cross or past: keys; values follow; lookups: of positions */
    int32_t zero;
    float number;            /* step, factor or epsilon */
    int32_t unused;
    const void *weight;      /* a table, a packed matrix, a gain */
    const void *scales;
    const void *offsets;
    const void *bias;
    const void *positions;   /* of lookups: (positions, D) */
} Op;

typedef struct {
    int64_t rows;
    int64_t sentences;
    int64_t heads, head_width;
    const int64_t *ids;            /* (R,) */
    const int64_t *source_lengths; /* (P,) */
    const int64_t *target_lengths; /* (P,) the newest token included; NULL: an encoder */
    float *cross;                  /* (2 * layers, P, H, S, E), entries so far apart: */
    int64_t cross_stride;          /* bytes */
    int64_t cross_room;            /* S */
    float *past;                   /* (2 * layers, R, H, C, E) */
    int64_t past_stride;
    int64_t past_room;             /* C */
    void *const *slots;            /* each with room for R rows */
    float *weights;                /* room for as many numbers as S or C, and 16 more */
} Batch;

/* How the likeliest token is chosen. */
typedef struct {
    float *logits;          /* (R, V) */
    int64_t vocabulary;
    const float *error;     /* (R,) how far they may be off; NULL: not at all */
    const float *decoded;   /* (R, D) what the exact ones are scores of */
    const float *generator; /* (V, D) */
    const float *bias;      /* (V,) or NULL */
    int64_t width;
} Choice;

/* A search by itself. */
typedef struct {
    int64_t most;                  /* steps */
    int64_t stretch;               /* steps after which news is told, if there is any */
    int64_t end;                   /* the token that ends a sentence */
    int64_t *ids;                  /* (R,) of the batch; the newest tokens afterwards */
    int64_t *target_lengths;       /* (P,) of the batch; grow, but for the last step */
    const volatile int32_t *stop;  /* not 0: somebody is waiting for the step to end;
                                      not looked at where there is to be one only */
    int64_t patience;              /* nanoseconds that news may wait */
    int64_t *tokens;               /* (most, R); of greedy search only */
    const int64_t *left;           /* (R,) after how many steps each is cut; the same */
} Ahead;

/* A sentence with a beam, as onnxlate/beam.py keeps it. */
typedef struct {
    int64_t length;     /* tokens so far, of every hypothesis alike */
    int64_t min_length; /* the end is not chosen before */
    int64_t max_length;
    int64_t num_ended;
    int64_t wanted;     /* hypotheses, k at most */
    int64_t over;
    double penalty;     /* exponent of lengths */
    double numbers[];   /* (k,) log-probabilities, -inf where nobody lives, and (k,) scores of
                           those that ended, best first, -inf where there are fewer */
} Beam;

/* A hypothesis one token longer than before. */
typedef struct {
    int64_t token;
    int64_t parent;  /* which of the sentence's k hypotheses is continued */
    double log_prob; /* of all of it; -inf where there is none */
} Extension;

/* A hypothesis that ended, in `length` tokens, the end included unless it was cut off. */
typedef struct {
    int64_t place;
    int64_t length;
    int64_t cut;
    double log_prob;
} Ended;

/* Beam search by itself. */
typedef struct {
    int64_t k;               /* rows of a sentence */
    char *beams;             /* (P,) Beam, so far apart: */
    int64_t beam_bytes;
    int32_t *history;        /* (R, T) tokens so far */
    int64_t room;            /* T */
    int64_t entries;         /* of past */
    Extension *extensions;   /* room for 2 k */
    int64_t *rows;           /* room for 3 k */
    Ended *ended;            /* room for R in each step, and R more */
    int32_t *ended_tokens;   /* as many, (…, T) */
    int64_t num_ended;
} Beams;

#endif
