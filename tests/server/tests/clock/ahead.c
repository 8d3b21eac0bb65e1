/*
 * The clock of a server that a test sets: preloaded into the server, it adds to the machine's clock as many
 * seconds as the file says that CLOCK_AHEAD names. The clocks that nobody sets are left alone.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("CLOCK_AHEAD");
	int			file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (file >= 0)
	{
		void	   *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);

		ahead = page == MAP_FAILED ? NULL : page;
		close(file);
	}
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			failed = (int) syscall(SYS_clock_gettime, clock, now);

	if (!failed && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += (time_t) *ahead;
	return failed;
}

int
gettimeofday(struct timeval *now, void *zone)
{
	struct timespec precise;
	int			failed = clock_gettime(CLOCK_REALTIME, &precise);

	(void) zone;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = (suseconds_t) (precise.tv_nsec / 1000);
	return failed;
}

time_t
time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now)
		*now = precise.tv_sec;
	return precise.tv_sec;
}
