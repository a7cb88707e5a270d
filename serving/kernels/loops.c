/* Whether a text says the same again and again: what guard/repetition.py looks for, step by
   step. Very long texts, and characters that the table has not, are left to it. */

#include <stdint.h>
#include <string.h>

enum { MOST_LETTERS = 4096, MOST_UNITS = 256, SLOTS = 512, MOST_WORD = 512 };
enum { NONE, MARKS, WORDS, LETTERS, ASK };

/* As repetition.py's. */
enum { FEWEST_TWICE = 3, LONG_WORD = 24, FEWEST_THREES = 7, LONGEST_PERIOD = 60, PHRASE = 4, OFTEN = 3,
       FEWEST_MARKS = 8 };

/* Of each character below `size`: what it is in lower case, and these. */
enum { LOWER = 0x1fffff, IN_WORD = 1 << 24, IS_SPACE = 1 << 25, IS_MARK = 1 << 26, IS_HARD = 1 << 27 };

typedef struct {
    int32_t kind;
    int32_t times;
    int32_t start, end; /* characters of the target */
} Loop;

typedef struct {
    int64_t count;
    int32_t ids[MOST_UNITS]; /* equal for equal words */
    int32_t starts[MOST_UNITS], ends[MOST_UNITS];
    int64_t distinct;
} Units;

typedef struct {
    int64_t start, period, times; /* of units; times is 0 where there is none */
} Run;

static int is_plain(const int32_t *text, int64_t length, const uint32_t *table, uint32_t size)
{
    for (int64_t i = 0; i < length; i++)
        if ((uint32_t)text[i] >= size || table[text[i]] & IS_HARD)
            return 0;
    return 1;
}

/* A mark, maybe with a space, eight times or more: how often, 0 for never. */
static int64_t marks(const int32_t *text, int64_t length, const uint32_t *table, int64_t *start)
{
    for (int64_t i = 0; i < length; i++) {
        if (!(table[text[i]] & IS_MARK))
            continue;
        const int64_t unit = i + 1 < length && table[text[i + 1]] & IS_SPACE ? 2 : 1;
        int64_t end = i + unit;
        while (end + unit <= length && text[end] == text[i] && (unit == 1 || text[end + 1] == text[i + 1]))
            end += unit;
        if ((end - i) / unit >= FEWEST_MARKS) {
            *start = i;
            return (end - i) / unit;
        }
    }
    return 0;
}

static int same_word(const int32_t *text, const uint32_t *table, int64_t one, int64_t other, int64_t length)
{
    for (int64_t i = 0; i < length; i++)
        if ((table[text[one + i]] ^ table[text[other + i]]) & LOWER)
            return 0;
    return 1;
}

/* Words in lower case; 0 if there are too many. */
static int units(const int32_t *text, int64_t length, const uint32_t *table, Units *found)
{
    int16_t slots[SLOTS]; /* one more than which word is there */
    memset(slots, 0, sizeof slots);
    found->count = found->distinct = 0;
    for (int64_t i = 0; i < length; i++) {
        if (!(table[text[i]] & IN_WORD))
            continue;
        if (found->count == MOST_UNITS)
            return 0;
        const int64_t start = i;
        uint32_t hash = 2166136261u;
        for (; i < length && table[text[i]] & IN_WORD; i++)
            hash = (hash ^ (table[text[i]] & LOWER)) * 16777619u;
        const int64_t at = found->count++, size = i - start;
        found->starts[at] = start;
        found->ends[at] = i;
        uint32_t slot = (hash ^ hash >> 16) % SLOTS;
        for (; slots[slot]; slot = (slot + 1) % SLOTS) {
            const int64_t before = slots[slot] - 1;
            if (found->ends[before] - found->starts[before] == size
                && same_word(text, table, start, found->starts[before], size))
                break;
        }
        if (!slots[slot]) {
            slots[slot] = at + 1;
            found->distinct++;
        }
        found->ids[at] = slots[slot] - 1;
    }
    return 1;
}

/* The next of what `_runs` yields, from `last` on: shorter periods first, and of one from left
   to right. */
static int next_run(const int32_t *ids, int64_t count, Run *last)
{
    const int64_t longest = count / 2 < LONGEST_PERIOD ? count / 2 : LONGEST_PERIOD;
    int64_t at = last->times ? last->start + last->period * (last->times - 1) : 0;
    for (int64_t period = last->period; period <= longest; period++, at = 0)
        while (at + period < count) {
            int64_t end = at;
            while (end + period < count && ids[end] == ids[end + period])
                end++;
            if (end - at >= period) {
                *last = (Run){at, period, (end - at) / period + 1};
                return 1;
            }
            at = end + 1;
        }
    return 0;
}

/* As often as the source says something in a row; 1 for never. */
static int64_t usual(const Units *source)
{
    int64_t most = 1;
    if (source->distinct < source->count)
        for (Run run = {0, 1, 0}; next_run(source->ids, source->count, &run);)
            if (run.times > most)
                most = run.times;
    return most;
}

/* What is said oftenest of four words in a row, the first of equals: how often; and how many
   had been there before. */
static int64_t oftenest(const Units *text, int64_t *first, int64_t *again)
{
    int64_t most = 0;
    int16_t times[MOST_UNITS] = {0}; /* of each, where it stands first */
    *again = 0;
    for (int64_t i = 0; i + PHRASE <= text->count; i++) {
        int64_t before = 0;
        while (memcmp(text->ids + before, text->ids + i, PHRASE * sizeof *text->ids))
            before++;
        times[before]++;
        *again += before < i;
    }
    for (int64_t i = 0; i + PHRASE <= text->count; i++)
        if (times[i] > most) {
            most = times[i];
            *first = i;
        }
    return most;
}

static Loop in_words(const Units *source, const Units *said)
{
    const int64_t most = 1 + source->count - source->distinct;
    int64_t often = 0; /* which few need to know */
    for (Run run = {0, 1, 0}; next_run(said->ids, said->count, &run);) {
        if (run.times < (run.period == 1 ? 4 : run.period < 5 ? 3 : 2))
            continue;
        if (!often && run.times <= most + 1)
            often = usual(source);
        if (!often || run.times > often + (often > 1))
            return (Loop){WORDS, run.times, said->starts[run.start], said->ends[run.start + run.period - 1]};
    }
    int64_t first = 0, again, unused;
    const int64_t times = oftenest(said, &first, &again);
    if (again < OFTEN - 1 || times < OFTEN)
        return (Loop){NONE, 0, 0, 0};
    const int64_t there = oftenest(source, &unused, &again);
    if (times > (there > 1 ? there : 1))
        return (Loop){WORDS, times, said->starts[first], said->ends[first + PHRASE - 1]};
    return (Loop){NONE, 0, 0, 0};
}

static int is_in(const int32_t *word, int64_t size, const int32_t *text, int64_t length)
{
    for (int64_t i = 0; i + size <= length; i++)
        if (text[i] == *word && !memcmp(text + i, word, size * sizeof *word))
            return 1;
    return 0;
}

/* Whether so many threes of letters have been there before that it may be a loop. */
static int repeats(const int32_t *word, int64_t size)
{
    int16_t slots[2 * MOST_WORD]; /* one more than where such a three stands */
    int64_t again = 0;
    memset(slots, 0, sizeof slots);
    for (int64_t i = 0; i + 3 <= size; i++) {
        uint32_t hash = 0;
        for (int64_t j = 0; j < 3; j++)
            hash = (hash + word[i + j]) * 2654435761u;
        uint32_t slot = (hash >> 16) % (2 * MOST_WORD);
        while (slots[slot] && memcmp(word + slots[slot] - 1, word + i, 3 * sizeof *word))
            slot = (slot + 1) % (2 * MOST_WORD);
        if (slots[slot] && ++again == FEWEST_THREES)
            return 1;
        slots[slot] = i + 1;
    }
    return 0;
}

static Loop in_letters(const int32_t *source, int64_t source_length, const int32_t *target, int64_t length,
                       const uint32_t *table)
{
    for (int64_t i = 0, end; i < length; i = end + 1) {
        for (end = i; end < length && !(table[target[end]] & IS_SPACE);)
            end++;
        const int64_t size = end - i;
        if (size < LONG_WORD)
            continue;
        if (size > MOST_WORD)
            return (Loop){ASK, 0, 0, 0};
        if (!repeats(target + i, size))
            continue;
        for (Run run = {0, 1, 0}; next_run(target + i, size, &run);)
            if (run.times * run.period >= LONG_WORD / 2 && run.times >= 4
                && !is_in(target + i, size, source, source_length))
                return (Loop){LETTERS, run.times, i + run.start, i + run.start + run.period};
    }
    return (Loop){NONE, 0, 0, 0};
}

/* As `repetition.searched`. */
void onnxlate_loop(const int32_t *source, int64_t source_length, const int32_t *target, int64_t length,
                   const uint32_t *table, int64_t size, Loop *found)
{
    Units read, said;
    int64_t start = 0, unused;
    *found = (Loop){ASK, 0, 0, 0};
    if (source_length > MOST_LETTERS || length > MOST_LETTERS
        || !is_plain(source, source_length, table, size) || !is_plain(target, length, table, size))
        return;
    const int64_t times = marks(target, length, table, &start);
    if (times && !marks(source, source_length, table, &unused)) {
        *found = (Loop){MARKS, times, start, start + 1};
        return;
    }
    if (!units(target, length, table, &said))
        return;
    if (said.count - said.distinct >= FEWEST_TWICE) {
        if (!units(source, source_length, table, &read))
            return;
        *found = in_words(&read, &said);
        if (found->kind != NONE)
            return;
    }
    *found = in_letters(source, source_length, target, length, table);
}
