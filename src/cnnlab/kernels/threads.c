#include "vectors.h"

void (*run_in_parallel)(Task, void *, unsigned, unsigned);
int (*thread_number)(void), (*num_threads)(void);

void use_openmp(void (*parallel)(Task, void *, unsigned, unsigned), int (*number)(void), int (*threads)(void)) {
    run_in_parallel = parallel;
    thread_number = number;
    num_threads = threads;
}

int lanes(void) { return LANES; }

typedef struct {
    void (*work)(const void *, int64_t);
    const void *arguments;
    int64_t items;
    int is_parallel;
} Items;

static void some_items(void *argument) {
    const Items *all = argument;
    int64_t threads = all->is_parallel ? num_threads() : 1, me = all->is_parallel ? thread_number() : 0;
    for (int64_t item = me * all->items / threads; item < (me + 1) * all->items / threads; item++)
        all->work(all->arguments, item);
}

void for_each(void (*work)(const void *, int64_t), const void *arguments, int64_t items, int64_t threads) {
    Items all = {work, arguments, items, threads > 1 && items > 1 && run_in_parallel};
    if (all.is_parallel)
        run_in_parallel(some_items, &all, (unsigned)threads, 0);
    else
        some_items(&all);
}
