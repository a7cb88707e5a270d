/* Work is shared for some microseconds at a time, hundreds of times a step. So a helper
   looks for the next piece a while before it sleeps, and nobody waits for one who has
   not begun: the processor may have given its core to somebody else. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "team.h"

#define LOOKS 4000 /* before a helper sleeps: some fifty microseconds */
#define MOST 64

struct Team {
    /* What there is to do. Written while it is not open and nobody is inside. */
    Work work;
    const void *what;
    int64_t parts;
    _Atomic int64_t next; /* part that nobody has taken yet */

    _Atomic int open;
    _Atomic int64_t inside; /* helpers that may look at the above */
    _Atomic uint64_t turn;  /* one more each time that there is something to do */
    _Atomic int64_t asleep;
    _Atomic int over;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    int64_t helpers;
    pthread_t threads[MOST];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void do_parts(Team *team)
{
    for (int64_t part; (part = atomic_fetch_add(&team->next, 1)) < team->parts;)
        team->work(team->what, part);
}

static void sleep_until(Team *team, uint64_t last)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->asleep, 1);
    while (atomic_load(&team->turn) == last && !atomic_load(&team->over))
        pthread_cond_wait(&team->woken, &team->lock);
    atomic_fetch_sub(&team->asleep, 1);
    pthread_mutex_unlock(&team->lock);
}

static void *help(void *given)
{
    Team *team = given;
    for (uint64_t last = 0; !atomic_load(&team->over);) {
        int looks = 0;
        while (atomic_load(&team->turn) == last && looks++ < LOOKS)
            pause_briefly();
        if (atomic_load(&team->turn) == last) {
            sleep_until(team, last);
            continue;
        }
        last = atomic_load(&team->turn);
        atomic_fetch_add(&team->inside, 1);
        if (atomic_load(&team->open))
            do_parts(team);
        atomic_fetch_sub(&team->inside, 1);
    }
    return NULL;
}

Team *onnxlate_team(int64_t helpers)
{
    Team *team = calloc(1, sizeof *team);
    if (!team)
        return NULL;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->woken, NULL);
    while (team->helpers < helpers && team->helpers < MOST
           && !pthread_create(&team->threads[team->helpers], NULL, help, team))
        team->helpers++;
    return team;
}

static void wake(Team *team)
{
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->woken);
    pthread_mutex_unlock(&team->lock);
}

void onnxlate_disband(Team *team)
{
    atomic_store(&team->over, 1);
    wake(team);
    for (int64_t i = 0; i < team->helpers; i++)
        pthread_join(team->threads[i], NULL);
    pthread_mutex_destroy(&team->lock);
    pthread_cond_destroy(&team->woken);
    free(team);
}

void share(Team *team, Work work, const void *what, int64_t parts)
{
    if (!team || parts < 2) {
        for (int64_t part = 0; part < parts; part++)
            work(what, part);
        return;
    }
    team->work = work;
    team->what = what;
    team->parts = parts;
    atomic_store(&team->next, 0);
    atomic_store(&team->open, 1);
    atomic_fetch_add(&team->turn, 1);
    if (atomic_load(&team->asleep))
        wake(team);
    do_parts(team);
    atomic_store(&team->open, 0);
    while (atomic_load(&team->inside))
        pause_briefly();
}
