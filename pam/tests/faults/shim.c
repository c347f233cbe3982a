/* Stands before libc in a host's process and lets the nth call fail, or all from the nth on. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread int armed, ever_since, fault;
static __thread long seen, nth;

/* From here on calls of this thread are counted; the nth fails with this errno, and with `ever` all that follow, too. */
void fault_arm(long which, int ever, int error) {
    seen = 0, nth = which, ever_since = ever, fault = error, armed = 1;
}

/* The host's own calls do not count. */
void fault_pause(int pause) {
    armed = !pause;
}

long fault_disarm(void) {
    armed = 0;
    return seen;
}

static int fails(void) {
    if (!armed)
        return 0;
    seen++;
    return ever_since ? seen >= nth : seen == nth;
}

static int fails_with_errno(void) {
    if (!fails())
        return 0;
    errno = fault;
    return 1;
}

void *malloc(size_t size) {
    return fails() ? (errno = ENOMEM, NULL) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? (errno = ENOMEM, NULL) : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? (errno = ENOMEM, NULL) : __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (fails())
        return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? (errno = ENOMEM, NULL) : __libc_memalign(alignment, size);
}

static int open_at(int folder, const char *path, int flags, va_list more) {
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    return fails_with_errno() ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define OPEN(name)                                                                                                                           \
    int name(const char *path, int flags, ...) {                                                                                             \
        va_list more;                                                                                                                        \
        va_start(more, flags);                                                                                                               \
        int opened = open_at(AT_FDCWD, path, flags, more);                                                                                   \
        va_end(more);                                                                                                                        \
        return opened;                                                                                                                       \
    }

OPEN(open)
OPEN(open64)

ssize_t read(int from, void *to, size_t size) {
    return fails_with_errno() ? -1 : syscall(SYS_read, from, to, size);
}

ssize_t recv(int from, void *to, size_t size, int flags) {
    return fails_with_errno() ? -1 : syscall(SYS_recvfrom, from, to, size, flags, NULL, NULL);
}

ssize_t write(int to, const void *from, size_t size) {
    return fails_with_errno() ? -1 : syscall(SYS_write, to, from, size);
}

ssize_t send(int to, const void *from, size_t size, int flags) {
    return fails_with_errno() ? -1 : syscall(SYS_sendto, to, from, size, flags, NULL, 0);
}

int socket(int domain, int type, int protocol) {
    return fails_with_errno() ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int from, const struct sockaddr *to, socklen_t length) {
    return fails_with_errno() ? -1 : (int)syscall(SYS_connect, from, to, length);
}

int setsockopt(int of, int level, int name, const void *value, socklen_t length) {
    return fails_with_errno() ? -1 : (int)syscall(SYS_setsockopt, of, level, name, value, length);
}

int fcntl(int of, int what, ...) {
    va_list more;
    va_start(more, what);
    long argument = va_arg(more, long);
    va_end(more);
    return fails_with_errno() ? -1 : (int)syscall(SYS_fcntl, of, what, argument);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    return fails_with_errno() ? -1 : (int)syscall(SYS_clock_gettime, which, now);
}
