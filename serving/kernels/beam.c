/* Beam search, step after step, exactly as onnxlate/search.py and onnxlate/beam.py have it.

   Axes as in program.h; W is how many extensions of a sentence are looked at. */

#include <math.h>
#include <string.h>

#include "processor.h"

/* The best extensions of one sentence, best first, equals by row and then as they stand
   among the row's likeliest: logits (k, size), log_probs (k,) so far -> best (kept,). Of
   each row so many as `width` are looked at. What is not a number counts as impossible. */
static void rank(const Processor *with, const float *logits, int64_t k, int64_t size, const double *log_probs,
                 int64_t width, int64_t kept, int64_t *row_tokens, Extension *best)
{
    int64_t count = 0;
    for (int64_t parent = 0; parent < k; parent++) {
        const float *row = logits + parent * size;
        if (count == kept && log_probs[parent] == -INFINITY)
            continue; /* nobody lives here, and nobody would be preferred to others */
        with->likeliest(row, size, width, row_tokens);
        const float total = with->log_total(row, size, row[row_tokens[0]]);
        for (int64_t i = 0; i < width; i++) {
            double x = log_probs[parent] + (double)(row[row_tokens[i]] - total);
            x = x == x ? x : -INFINITY;
            if (count == kept && !(x > best[kept - 1].log_prob))
                continue;
            int64_t at = count < kept ? count++ : kept - 1;
            for (; at && x > best[at - 1].log_prob; at--)
                best[at] = best[at - 1];
            best[at] = (Extension){row_tokens[i], parent, x};
        }
    }
}

/* The same of all sentences: logits (P * k, size), log_probs (P, k) -> best (P, kept);
   `row_tokens` has room for `width`. */
void onnxlate_ranked(const void *processor, const float *logits, int64_t places, int64_t k, int64_t size,
                     const double *log_probs, int64_t width, int64_t kept, int64_t *row_tokens, Extension *best)
{
    for (int64_t p = 0; p < places; p++)
        rank(processor, logits + p * k * size, k, size, log_probs + p * k, width, kept, row_tokens, best + p * kept);
}

static Beam *beam_at(const Beams *beams, int64_t place)
{
    return (Beam *)(beams->beams + place * beams->beam_bytes);
}

static int32_t *history_at(const Beams *beams, int64_t place, int64_t row)
{
    return beams->history + (place * beams->k + row) * beams->room;
}

/* Notes one as ended; the rows are still as they were before the step. */
static void end(Beams *beams, int64_t place, const Extension *it, int64_t cut)
{
    const int64_t length = beam_at(beams, place)->length;
    int32_t *tokens = beams->ended_tokens + beams->num_ended * beams->room;
    memcpy(tokens, history_at(beams, place, it->parent), (length - 1) * sizeof *tokens);
    tokens[length - 1] = it->token;
    beams->ended[beams->num_ended++] = (Ended){place, length, cut, it->log_prob};
}

static double score(const Beam *beam, double log_prob)
{
    return log_prob / pow(beam->length, beam->penalty);
}

/* Counts one that ended. */
static void count(Beam *beam, int64_t k, double log_prob)
{
    double *scores = beam->numbers + k, x = score(beam, log_prob);
    beam->num_ended++;
    if (!(x > scores[k - 1]))
        return;
    int64_t at = k - 1;
    for (; at && x > scores[at - 1]; at--)
        scores[at] = scores[at - 1];
    scores[at] = x;
}

/* The best k that do not end, of so many extensions, in place. With one word in the
   vocabulary, what ends is all there is. */
static void keep_living(Extension *best, int64_t num, int64_t k, int64_t end_token)
{
    int64_t living = 0;
    for (int64_t i = 0; i < num && living < k; i++) {
        if (best[i].token == end_token)
            continue;
        const Extension it = best[i];
        memmove(best + living + 1, best + living, (i - living) * sizeof it);
        best[living++] = it;
    }
    for (int64_t i = living; i < k; i++)
        best[i].log_prob = -INFINITY;
}

/* Whether the search is over: enough have ended, the wanted ones no worse than all that
   live; or nobody goes on. */
static int is_over(Beams *beams, int64_t place, const Extension *live)
{
    const Beam *beam = beam_at(beams, place);
    const int64_t k = beams->k;
    const double *scores = beam->numbers + k;
    if (beam->num_ended >= k && scores[beam->wanted - 1] >= score(beam, live->log_prob))
        return 1;
    if (beam->length < beam->max_length && live->log_prob != -INFINITY)
        return 0;
    for (int64_t i = 0; i < k; i++)
        if (live[i].log_prob != -INFINITY)
            end(beams, place, live + i, 1);
    return 1;
}

/* Which extension goes on each row, and from which row. The first living extension of a
   parent takes its row, further ones the rows that nobody continues, in order; so a row
   is written over only if nothing goes on from it. The rest is its own parent. */
static void place_on_rows(const Extension *live, int64_t k, int over, int64_t *order, int64_t *parents,
                          int64_t *is_placed)
{
    for (int64_t row = 0; row < k; row++) {
        order[row] = -1;
        parents[row] = row;
        is_placed[row] = 0;
    }
    for (int64_t i = 0; i < k && !over; i++)
        if (live[i].log_prob != -INFINITY && order[live[i].parent] < 0) {
            order[live[i].parent] = i;
            is_placed[i] = 1;
        }
    for (int64_t row = 0, i = 0; row < k; row++) {
        if (order[row] >= 0)
            continue;
        while (is_placed[i])
            i++;
        order[row] = i;
        if (!over && live[i].log_prob != -INFINITY)
            parents[row] = live[i].parent;
        i++;
    }
}

/* Every hypothesis onto a row, together with its past. */
static void settle(const Beams *beams, const Batch *batch, const Ahead *ahead, int64_t place, const Extension *live)
{
    Beam *beam = beam_at(beams, place);
    const int64_t k = beams->k, position = batch->head_width * sizeof(float), first = place * k;
    int64_t *order = beams->rows, *parents = order + k;
    place_on_rows(live, k, beam->over, order, parents, parents + k);
    for (int64_t row = 0; row < k; row++) {
        const Extension *it = live + order[row];
        int32_t *history = history_at(beams, place, row);
        if (parents[row] != row) {
            const int64_t from = first + parents[row], to = first + row;
            memcpy(history, history_at(beams, place, parents[row]), (beam->length - 1) * sizeof *history);
            onnxlate_copy((char *)batch->past, beams->entries, batch->past_stride, batch->heads,
                          batch->past_room * position, position, 1, &from, &to, &beam->length);
        }
        history[beam->length - 1] = it->token;
        ahead->ids[first + row] = it->token;
        beam->numbers[row] = it->log_prob;
    }
}

/* What follows from the newest logits of one sentence. */
static void advance(const Processor *with, const Batch *batch, const Choice *choice, const Ahead *ahead, Beams *beams,
                    int64_t place)
{
    Beam *beam = beam_at(beams, place);
    Extension *best = beams->extensions;
    const int64_t k = beams->k, size = choice->vocabulary, width = 2 * k < size ? 2 * k : size;
    float *logits = choice->logits + place * k * size;
    if (++beam->length < beam->min_length && ahead->end < size)
        for (int64_t row = 0; row < k; row++)
            logits[row * size + ahead->end] = -INFINITY;
    const int64_t kept = 2 * k < k * width ? 2 * k : k * width;
    rank(with, logits, k, size, beam->numbers, width, kept, beams->rows, best);
    for (int64_t i = 0; i < k; i++)
        if (best[i].token == ahead->end && best[i].log_prob != -INFINITY) {
            end(beams, place, best + i, 0);
            count(beam, k, best[i].log_prob);
        }
    keep_living(best, kept, k, ahead->end);
    beam->over = is_over(beams, place, best);
    settle(beams, batch, ahead, place, best);
}

/* Steps of beam search until it is enough, all are over, or one cannot go on that is. Those
   that are over before the last step stay as they are. How many steps there were; 0 as of
   onnxlate_run. */
int64_t onnxlate_beams_ahead(const void *processor, const Op *ops, int64_t num_ops, const Batch *batch,
                             int64_t *positions, Team *team, const Choice *choice, const Ahead *ahead, Beams *beams)
{
    beams->num_ended = 0;
    for (int64_t p = 0; p < batch->sentences; p++)
        beam_at(beams, p)->over = 0;
    for (Pace pace = onnxlate_pace();;) {
        if (!onnxlate_run(processor, ops, num_ops, batch, positions, team))
            return 0;
        int64_t over = 0, full = 0;
        for (int64_t p = 0; p < batch->sentences; p++) {
            const Beam *beam = beam_at(beams, p);
            if (!beam->over)
                advance(processor, batch, choice, ahead, beams, p);
            over += beam->over;
            full |= beam->over && ahead->target_lengths[p] >= beam->max_length;
        }
        if (onnxlate_enough(&pace, ahead, over > 0) || over == batch->sentences || full)
            return pace.steps;
        for (int64_t p = 0; p < batch->sentences; p++)
            ahead->target_lengths[p]++;
    }
}
