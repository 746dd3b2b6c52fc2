/* Makes every flush of the process it is preloaded into take SLOW_FLUSH_US microseconds.

   cc -O2 -shared -fPIC -o slow_flush.so slow_flush.c

   Nothing reaches the disk: for clusters on a tmpfs that hold no data anybody wants to keep. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

static long flush_us = -1;

static int slow_flush(void) {
    if (flush_us < 0) {
        const char *value = getenv("SLOW_FLUSH_US");
        flush_us = value ? atol(value) : 0;
        prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* the default of 50 us would show */
    }
    if (flush_us > 0) {
        struct timespec pause = {flush_us / 1000000, flush_us % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
    return 0;
}

int fsync(int fd) { (void)fd; return slow_flush(); }
int fdatasync(int fd) { (void)fd; return slow_flush(); }
