/*
 * Preloaded into a process under test: holds or fails what makes LMDB's data durable. Files in $SYNC_SHIM are the switches:
 *   hold-data  fdatasync, fsync, msync wait while it exists       fail-data  they fail with EIO, and so does statfs
 *   hold-meta  a write to an O_DSYNC descriptor reaches the page cache, then waits     fail-meta  it fails with EIO
 * A call that waits says so with a file held-data or held-meta.
 * With $SYNC_DELAY_DATA or $SYNC_DELAY_META, microseconds, they wait so long each time: the slow disks of bench/scale.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

static void name_of(char *out, size_t size, const char *what, const char *stage) {
  snprintf(out, size, "%s/%s-%s", getenv("SYNC_SHIM"), what, stage);
}

static int is_set(const char *what, const char *stage) {
  char path[4096];
  if (!getenv("SYNC_SHIM")) return 0;
  name_of(path, sizeof path, what, stage);
  return access(path, F_OK) == 0;
}

static void hold(const char *stage) {
  char path[4096];
  int fd;
  const char *delay = getenv(*stage == 'd' ? "SYNC_DELAY_DATA" : "SYNC_DELAY_META");
  if (delay) usleep(strtoul(delay, NULL, 10));
  if (!is_set("hold", stage)) return;
  name_of(path, sizeof path, "held", stage);
  fd = open(path, O_CREAT | O_WRONLY, 0600);
  if (fd >= 0) close(fd);
  while (is_set("hold", stage)) usleep(500);
}

static int fails(const char *stage) {
  if (!is_set("fail", stage)) return 0;
  errno = EIO;
  return 1;
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  hold("data");
  return fails("data") ? -1 : real(fd);
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  hold("data");
  return fails("data") ? -1 : real(fd);
}

int msync(void *address, size_t length, int flags) {
  int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
  hold("data");
  return fails("data") ? -1 : real(address, length, flags);
}

int statfs(const char *path, struct statfs *found) {
  int (*real)(const char *, struct statfs *) = (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs");
  return fails("data") ? -1 : real(path, found);
}

int statfs64(const char *path, struct statfs64 *found) {
  int (*real)(const char *, struct statfs64 *) = (int (*)(const char *, struct statfs64 *))dlsym(RTLD_NEXT, "statfs64");
  return fails("data") ? -1 : real(path, found);
}

static int is_dsync(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC) != 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  ssize_t (*real)(int, const void *, size_t, off64_t) =
      (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  ssize_t written;
  if (is_dsync(fd) && fails("meta")) {
    real(fd, bytes, length, offset);
    errno = EIO;
    return -1;
  }
  written = real(fd, bytes, length, offset);
  if (is_dsync(fd)) hold("meta");
  return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }
