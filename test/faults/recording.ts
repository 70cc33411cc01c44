/** What `disk-shim.c` recorded: calls in the order in which they took effect. */

/** A file, as the recording knows it: inodes are used again, so a file begins where its name was made. */
export type FileNumber = bigint;

interface Step {
  readonly path: string;
  readonly file: FileNumber;
}

/** In the page cache; on the disk once `written-through` has its token too. */
export interface Write extends Step {
  readonly kind: "write";
  readonly offset: number;
  readonly data: Buffer;
  readonly token: string;
}

/** What began before `sync-begins` is on the disk at `sync-ends` of the same token. */
export interface Sync extends Step {
  readonly kind: "sync-begins" | "sync-ends" | "written-through";
  readonly token: string;
}

export interface Renaming extends Step {
  readonly kind: "rename" | "link";
  readonly to: string;
}

export type Operation =
  | Write
  | Sync
  | Renaming
  | (Step & { readonly kind: "truncate"; readonly length: number })
  | (Step & { readonly kind: "create" | "unlink" | "make-directory" | "writable-map" })
  /** Bytes that left the process through a socket. */
  | (Step & { readonly kind: "said"; readonly data: Buffer });

const HEADER_BYTES = 40;

/** @throws when the bytes are no recording: a test must not take half of one for the whole. */
export function parseRecording(bytes: Buffer): readonly Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at < bytes.length; ) {
    const pathLength = bytes.readUInt16LE(at + 2);
    const dataLength = bytes.readUInt32LE(at + 4);
    const pathEnd = at + HEADER_BYTES + pathLength;
    const end = pathEnd + dataLength;
    if (end > bytes.length) throw new Error(`the recording ends inside operation ${operations.length}`);
    operations.push(
      operationOf(String.fromCharCode(bytes.readUInt8(at)), {
        path: bytes.toString("utf8", at + HEADER_BYTES, pathEnd),
        file: bytes.readBigUInt64LE(at + 8),
        token: `${bytes.readBigUInt64LE(at + 32)}-${bytes.readBigUInt64LE(at + 16)}`,
        offset: Number(bytes.readBigUInt64LE(at + 24)),
        data: bytes.subarray(pathEnd, end),
      }),
    );
    at = end;
  }
  return operations;
}

interface Fields extends Step {
  readonly token: string;
  readonly offset: number;
  readonly data: Buffer;
}

function operationOf(letter: string, { path, file, token, offset, data }: Fields): Operation {
  switch (letter) {
    case "W":
      return { kind: "write", path, file, offset, data, token };
    case "D":
      return { kind: "written-through", path, file, token };
    case "T":
      return { kind: "truncate", path, file, length: offset };
    case "B":
      return { kind: "sync-begins", path, file, token };
    case "E":
      return { kind: "sync-ends", path, file, token };
    case "C":
      return { kind: "create", path, file };
    case "K":
      return { kind: "make-directory", path, file };
    case "U":
      return { kind: "unlink", path, file };
    case "M":
      return { kind: "writable-map", path, file };
    case "R":
      return { kind: "rename", path, file, to: data.toString() };
    case "L":
      return { kind: "link", path, file, to: data.toString() };
    case "S":
      return { kind: "said", path, file, data };
    default:
      throw new Error(`an operation of unknown kind ${letter}`);
  }
}
