/*
 * Preloaded into a process under test: a disk that can be watched and can fail. Of files below $DISK_ROOT it
 *
 *   records   into the file $DISK_RECORD, in order, every call that changes a file or a name or makes one durable, and what leaves
 *             through sockets: `recording.ts` reads it. A write is recorded once it is in the page cache; a write with O_DSYNC
 *             before, and again when it is durable; a sync before and after.
 *   fails     by the lines of the file $DISK_RULES, read at every call: CALL, a part of a path or "*", and a number. CALL is
 *               write dsync sync read open rename map    the call fails with that errno; dsync is a write with O_DSYNC
 *               short     half of a write is done, with errno 0
 *               statfs    so many bytes are free
 *               clock     the wall clock is so many seconds off (path "*")
 *             A call that was failed leaves a line "CALL PATH" in the file $DISK_RULES.hit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real_of(#name))
#define MAX_GATHERED (64 << 20)
#define MAX_SAID 65536

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static const char *rules;
static int record_fd = -1;
static uint64_t tokens;

static void *real_of(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) {
    dprintf(2, "disk-shim: no %s\n", name);
    _exit(99);
  }
  return found;
}

__attribute__((constructor)) static void begin(void) {
  const char *below = getenv("DISK_ROOT"), *path = getenv("DISK_RECORD");
  rules = getenv("DISK_RULES");
  if (below) snprintf(root, sizeof root, "%s/", below);
  if (below && path) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) record_fd = fcntl(fd, F_DUPFD_CLOEXEC, 700);
    if (record_fd < 0) _exit(98);
    syscall(SYS_close, fd);
  }
}

/* Whether a path is of files that are watched: absolute ones below the root. The root itself counts, for syncs. */
static int is_ours(const char *path) {
  size_t length = strlen(root);
  if (!length || !path || path[0] != '/') return 0;
  return strncmp(path, root, length) == 0 || (strlen(path) == length - 1 && strncmp(path, root, length - 1) == 0);
}

static int path_of(int fd, char *path) {
  char link[64];
  ssize_t length;
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, PATH_MAX - 1);
  errno = kept;
  path[length < 0 ? 0 : length] = 0;
  return is_ours(path);
}

/* ---- Failing ---- */

static void note_hit(const char *call, const char *path) {
  char name[PATH_MAX], line[PATH_MAX + 32];
  int fd, length;
  snprintf(name, sizeof name, "%s.hit", rules);
  fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  length = snprintf(line, sizeof line, "%s %s\n", call, path);
  syscall(SYS_write, fd, line, length);
  syscall(SYS_close, fd);
}

/* Whether a rule is for this call and path; its number. */
static int rule_for(const char *call, const char *path, long long *number) {
  char text[4096], wanted[32], part[PATH_MAX];
  long long value;
  int fd, used, kept = errno;
  ssize_t length;
  char *at = text;
  if (!rules) return 0;
  fd = syscall(SYS_openat, AT_FDCWD, rules, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    errno = kept;
    return 0;
  }
  length = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  errno = kept;
  text[length < 0 ? 0 : length] = 0;
  while (sscanf(at, " %31s %4095s %lld%n", wanted, part, &value, &used) == 3) {
    at += used;
    if (strcmp(wanted, call) != 0 || (strcmp(part, "*") != 0 && !strstr(path, part))) continue;
    *number = value;
    if (strcmp(call, "clock") != 0 && strcmp(call, "statfs") != 0) note_hit(call, path);
    return 1;
  }
  return 0;
}

static int fails(const char *call, const char *path) {
  long long number;
  if (!rule_for(call, path, &number)) return 0;
  errno = (int)number;
  return 1;
}

/* ---- Recording: a header of 40 bytes, the path, and data (bytes, or a second path) ---- */

struct header {
  char operation;
  char is_durable;
  uint16_t path_length;
  uint32_t data_length;
  uint64_t file;
  uint64_t token;
  uint64_t offset;
  uint64_t process;
};

static void record(char operation, const char *path, struct header more, const void *data) {
  struct iovec parts[3];
  if (record_fd < 0) return;
  more.operation = operation;
  more.path_length = (uint16_t)strlen(path);
  more.process = (uint64_t)getpid();
  parts[0] = (struct iovec){&more, sizeof more};
  parts[1] = (struct iovec){(void *)path, more.path_length};
  parts[2] = (struct iovec){(void *)data, more.data_length};
  if (syscall(SYS_writev, record_fd, parts, 3) != (ssize_t)(sizeof more + more.path_length + more.data_length)) {
    dprintf(2, "disk-shim: the recording cannot be written\n");
    _exit(97);
  }
}

static uint64_t file_of(int fd) {
  struct stat found;
  int kept = errno;
  uint64_t file = fstat(fd, &found) == 0 ? found.st_ino : 0;
  errno = kept;
  return file;
}

static uint64_t file_at(const char *path) {
  struct stat found;
  int kept = errno;
  uint64_t file = lstat(path, &found) == 0 ? found.st_ino : 0;
  errno = kept;
  return file;
}

static uint64_t next_token(void) { return __atomic_add_fetch(&tokens, 1, __ATOMIC_RELAXED); }

static int is_dsync(int fd) {
  int kept = errno, flags = fcntl(fd, F_GETFL);
  errno = kept;
  return flags >= 0 && (flags & O_DSYNC) != 0;
}

/* What leaves the process: before it does. */
static void say(int fd, const struct iovec *parts, int count) {
  char said[MAX_SAID];
  size_t length = 0;
  struct stat found;
  int kept = errno, part;
  if (record_fd < 0) return;
  if (fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode)) {
    for (part = 0; part < count && length < sizeof said; part++) {
      size_t more = parts[part].iov_len < sizeof said - length ? parts[part].iov_len : sizeof said - length;
      memcpy(said + length, parts[part].iov_base, more);
      length += more;
    }
    record('S', "", (struct header){.data_length = (uint32_t)length, .file = found.st_ino}, said);
  }
  errno = kept;
}

/* ---- Writes ---- */

static ssize_t write_at(int fd, const void *bytes, size_t length, off64_t offset) {
  ssize_t (*real)(int, const void *, size_t, off64_t) = REAL(pwrite64);
  char path[PATH_MAX];
  struct header about = {0};
  ssize_t written;
  int dsync;
  long long number;
  if (!path_of(fd, path)) return real(fd, bytes, length, offset);
  dsync = is_dsync(fd);
  if (fails(dsync ? "dsync" : "write", path)) return -1;
  if (length > 1 && rule_for("short", path, &number)) length /= 2;
  about.file = file_of(fd);
  about.offset = (uint64_t)offset;
  about.token = next_token();
  if (dsync) {
    about.data_length = (uint32_t)length;
    record('W', path, about, bytes);
    written = real(fd, bytes, length, offset);
    about.data_length = 0;
    if (written == (ssize_t)length) record('D', path, about, NULL);
    return written;
  }
  pthread_mutex_lock(&order);
  written = real(fd, bytes, length, offset);
  if (written > 0) {
    about.data_length = (uint32_t)written;
    record('W', path, about, bytes);
  }
  pthread_mutex_unlock(&order);
  return written;
}

/* Several pieces as one write. At the file's own position when `offset` is -1. */
static ssize_t write_pieces(int fd, const struct iovec *parts, int count, off64_t offset) {
  size_t length = 0, at = 0;
  char *bytes;
  ssize_t written;
  int part;
  off64_t from = offset;
  for (part = 0; part < count; part++) length += parts[part].iov_len;
  if (length > MAX_GATHERED || !(bytes = malloc(length ? length : 1))) _exit(96);
  for (part = 0; part < count; at += parts[part++].iov_len) memcpy(bytes + at, parts[part].iov_base, parts[part].iov_len);
  if (offset < 0) from = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
  written = write_at(fd, bytes, length, from);
  if (offset < 0 && written > 0) lseek(fd, from + written, SEEK_SET);
  free(bytes);
  return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(pwritev64)(fd, parts, count, offset);
  return write_pieces(fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[PATH_MAX];
  if (path_of(fd, path)) return write_pieces(fd, parts, count, -1);
  say(fd, parts, count);
  return REAL(writev)(fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[PATH_MAX];
  struct iovec part = {(void *)bytes, length};
  if (path_of(fd, path)) return write_pieces(fd, &part, 1, -1);
  say(fd, &part, 1);
  return REAL(write)(fd, bytes, length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  say(fd, message->msg_iov, (int)message->msg_iovlen);
  return REAL(sendmsg)(fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  struct iovec part = {(void *)bytes, length};
  say(fd, &part, 1);
  return REAL(send)(fd, bytes, length, flags);
}

int ftruncate64(int fd, off64_t length) {
  char path[PATH_MAX];
  int result;
  if (!path_of(fd, path)) return REAL(ftruncate64)(fd, length);
  if (fails("write", path)) return -1;
  pthread_mutex_lock(&order);
  result = REAL(ftruncate64)(fd, length);
  if (result == 0) record('T', path, (struct header){.file = file_of(fd), .offset = (uint64_t)length}, NULL);
  pthread_mutex_unlock(&order);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* ---- Reads ---- */

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  char path[PATH_MAX];
  if (rules && path_of(fd, path) && fails("read", path)) return -1;
  return REAL(pread64)(fd, bytes, length, offset);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) { return pread64(fd, bytes, length, offset); }

ssize_t read(int fd, void *bytes, size_t length) {
  char path[PATH_MAX];
  if (rules && path_of(fd, path) && fails("read", path)) return -1;
  return REAL(read)(fd, bytes, length);
}

/* ---- Making durable ---- */

static int synced(int fd, int (*real)(int)) {
  char path[PATH_MAX];
  struct header about = {0};
  int result;
  if (!path_of(fd, path)) return real(fd);
  if (fails("sync", path)) return -1;
  about.file = file_of(fd);
  about.token = next_token();
  pthread_mutex_lock(&order);
  record('B', path, about, NULL);
  pthread_mutex_unlock(&order);
  result = real(fd);
  if (result == 0) record('E', path, about, NULL);
  return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  char path[PATH_MAX];
  if (fd >= 0 && path_of(fd, path)) {
    if (fails("map", path)) return MAP_FAILED;
    /* Changes through a map cannot be seen here: the reader of a recording must know of them. */
    if ((protection & PROT_WRITE) && (flags & MAP_SHARED)) record('M', path, (struct header){.file = file_of(fd)}, NULL);
  }
  return REAL(mmap64)(address, length, protection, flags, fd, offset);
}

/* ---- Names ---- */

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  int fd, was_there, kept = errno;
  struct header about = {0};
  if (!is_ours(path)) return real(path, flags, mode);
  if (fails("open", path)) return -1;
  errno = kept;
  if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE) return real(path, flags, mode);
  pthread_mutex_lock(&order);
  was_there = file_at(path) != 0;
  fd = real(path, flags, mode);
  if (fd >= 0) {
    about.file = file_of(fd);
    if (!was_there) record('C', path, about, NULL);
    else if (flags & O_TRUNC) record('T', path, about, NULL);
  }
  pthread_mutex_unlock(&order);
  return fd;
}

static mode_t mode_in(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, mode_t) : 0; }

int open64(const char *path, int flags, ...) {
  va_list rest;
  mode_t mode;
  va_start(rest, flags);
  mode = mode_in(flags, rest);
  va_end(rest);
  return opened(REAL(open64), path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  mode_t mode;
  va_start(rest, flags);
  mode = mode_in(flags, rest);
  va_end(rest);
  return opened(REAL(open), path, flags, mode);
}

/* A call on names, recorded when it succeeded. */
#define ON_NAMES(operation, path, about, more, call)       \
  int result;                                              \
  if (!is_ours(path)) return call;                         \
  pthread_mutex_lock(&order);                              \
  result = call;                                           \
  if (result == 0) record(operation, path, about, more);   \
  pthread_mutex_unlock(&order);                            \
  return result

int rename(const char *from, const char *to) {
  struct header about = {.file = file_at(from), .data_length = (uint32_t)strlen(to)};
  if (is_ours(from) && fails("rename", from)) return -1;
  ON_NAMES('R', from, about, to, REAL(rename)(from, to));
}

int link(const char *from, const char *to) {
  struct header about = {.file = file_at(from), .data_length = (uint32_t)strlen(to)};
  if (is_ours(from) && fails("rename", from)) return -1;
  ON_NAMES('L', from, about, to, REAL(link)(from, to));
}

int unlink(const char *path) { ON_NAMES('U', path, (struct header){.file = file_at(path)}, NULL, REAL(unlink)(path)); }
int rmdir(const char *path) { ON_NAMES('U', path, (struct header){.file = file_at(path)}, NULL, REAL(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { ON_NAMES('K', path, (struct header){0}, NULL, REAL(mkdir)(path, mode)); }

/* ---- Room and time ---- */

int statfs64(const char *path, struct statfs64 *found) {
  long long bytes;
  int result = REAL(statfs64)(path, found);
  if (result == 0 && is_ours(path) && rule_for("statfs", path, &bytes)) found->f_bavail = (uint64_t)bytes / found->f_bsize;
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  long long seconds;
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && rules && clock == CLOCK_REALTIME && rule_for("clock", "*", &seconds)) now->tv_sec += seconds;
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  long long seconds;
  int result = ((int (*)(struct timeval *, void *))real_of("gettimeofday"))(now, zone);
  if (result == 0 && rules && rule_for("clock", "*", &seconds)) now->tv_sec += seconds;
  return result;
}
