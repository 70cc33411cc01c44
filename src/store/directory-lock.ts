/**
 * A friendly refusal for a second process: a unix domain socket in the directory, which stops answering when its process dies,
 * however it dies. It is no safety: two processes that start at the same moment may both get it, and some file systems
 * have no sockets. The safety is the writer epoch, checked inside every commit (spec/storage.md, Writers).
 */
import { mkdtemp, rm, symlink, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { LOCK_SOCKET, prepareDirectory } from "./data-directory.ts";

/** sun_path holds 108 bytes on Linux, 104 elsewhere, the final NUL included; longer paths are cut without a word. */
const MAX_SOCKET_PATH_BYTES = 103;
/** Says that the file system cannot hold a socket. */
const NO_SOCKETS = new Set(["ENOTSUP", "EOPNOTSUPP", "EPERM", "EINVAL"]);
/** Says that a socket's process is dead, or that there is no socket. */
const NOBODY_LISTENS = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK"]);
const ATTEMPTS = 3;

export interface DirectoryLock {
  /** False where the file system has no sockets: then nothing was locked. */
  readonly isExclusive: boolean;
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes a log's directory for this process until it ends or releases it. Makes the directory when it is absent.
 * @throws {TlogError} STORE_LOCKED when a living process holds it | STORE_DIRECTORY_FOREIGN | STORE_FAILED
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await prepareDirectory(directory);
  return await lockPlace(directory, LOCK_SOCKET);
}

/**
 * The same of a directory that is there, whatever it holds, with a socket of this name.
 * @throws {TlogError} STORE_LOCKED | STORE_FAILED
 */
export async function lockPlace(directory: string, socketName: string): Promise<DirectoryLock> {
  const socketPath = join(resolve(directory), socketName);
  const server = await withSocketPath(socketPath, (path) => listenOn(directory, path));
  let released: Promise<void> | undefined;
  return {
    isExclusive: server !== undefined,
    release() {
      released ??= server === undefined ? Promise.resolve() : closed(server, socketPath);
      return released;
    },
  };
}

/** @returns undefined where the file system has no sockets: the writer epoch has to do alone. */
async function listenOn(directory: string, path: string): Promise<Server | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await listening(path);
    if (typeof outcome !== "string") return outcome;
    if (NO_SOCKETS.has(outcome)) return undefined;
    if (outcome !== "EADDRINUSE") throw new TlogError("STORE_FAILED", `cannot lock ${directory}: ${outcome}`);
    if (await isAnswered(directory, path)) throw locked(directory);
    // Whoever made the socket is dead.
    await unlink(path).catch(() => undefined);
  }
  throw locked(directory);
}

function locked(directory: string): TlogError {
  return new TlogError(
    "STORE_LOCKED",
    `another process writes to ${resolve(directory)}: stop it first, or give this one another directory`,
  );
}

/** @returns the server, or why the socket could not be made. */
function listening(path: string): Promise<Server | string> {
  return new Promise((settle) => {
    const server = createServer((socket) => socket.destroy());
    // Stays: a later error, as of a process out of file descriptors, costs a friendly refusal at most.
    server.on("error", (error) => settle(codeOf(error)));
    // Anybody who gets into the directory may ask whether its process lives.
    server.listen({ path, readableAll: true, writableAll: true }, () => {
      server.unref();
      settle(server);
    });
  });
}

/**
 * Whether a process listens: the kernel accepts for it, so also when it is busy or stopped.
 * @throws {TlogError} STORE_FAILED when this user may not ask
 */
function isAnswered(directory: string, path: string): Promise<boolean> {
  return new Promise((settle, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", (error) => {
      if (codeOf(error) !== "EACCES") return settle(!NOBODY_LISTENS.has(codeOf(error)));
      const socketPath = join(resolve(directory), basename(path));
      reject(
        new TlogError(
          "STORE_FAILED",
          `${socketPath} was made by another user: remove it when no process of that user writes here any more`,
          { cause: error },
        ),
      );
    });
  });
}

/** Hands `use` a path to the socket that fits: through a symbolic link for the time of the call when the real one is too long. */
async function withSocketPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (fits(path)) return await use(path);
  const short = await mkdtemp(join(tmpdir(), "bristlecone-"));
  try {
    await symlink(dirname(path), join(short, "d"));
    return await use(join(short, "d", basename(path)));
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

async function closed(server: Server, path: string): Promise<void> {
  // Closing removes the socket by the path it was made with; the link of a long one is gone.
  if (!fits(path)) await unlink(path).catch(() => undefined);
  return new Promise((settle) => server.close(() => settle()));
}
