import { describe, expect, it } from "vitest";
import { countSyncCalls } from "../../bench/peers/sync-calls.ts";

describe("calls that wait for the disk", () => {
  it("are fsync, fdatasync and synchronous msync, once each, also where strace splits them", () => {
    const trace = [
      "1 fdatasync(21) = 0",
      "2 fsync(18 <unfinished ...>",
      "1 fdatasync(21 <unfinished ...>",
      "2 <... fsync resumed>)             = 0",
      "1 <... fdatasync resumed>)         = 0",
      "1 msync(0x7f, 4096, MS_SYNC) = 0",
      "1 msync(0x7f, 4096, MS_ASYNC) = 0",
    ];
    expect(countSyncCalls(trace)).toEqual({ syncs: 4, syncedWrites: 0 });
  });

  it("are writes to what is open with O_SYNC or O_DSYNC, until its number is another file's", () => {
    const trace = [
      '1 openat(AT_FDCWD, "/a", O_WRONLY|O_DSYNC|O_CLOEXEC) = 22',
      '1 openat(AT_FDCWD, "/O_SYNC/b", O_RDWR|O_CREAT, 0600 <unfinished ...>',
      '2 openat(AT_FDCWD, "/c", O_WRONLY|O_CREAT|O_EXCL|O_SYNC, 0644 <unfinished ...>',
      "1 <... openat resumed>) = 23",
      "2 <... openat resumed>) = 24",
      '1 pwrite64(22, ""..., 128, 4096) = 128',
      '1 write(23, ""..., 8) = 8',
      '2 write(24, ""..., 8 <unfinished ...>',
      "2 <... write resumed>) = 8",
      '2 pwritev(22, [{iov_base=""..., iov_len=8}], 1, 0) = 8',
      '1 openat(AT_FDCWD, "/d", O_RDONLY) = 22',
      '1 write(22, ""..., 8) = 8',
      '1 openat(AT_FDCWD, "/none", O_WRONLY|O_SYNC) = -1 ENOENT (No such file or directory)',
    ];
    expect(countSyncCalls(trace)).toEqual({ syncs: 0, syncedWrites: 3 });
  });
});
