/** A witness over HTTP, for whoever wants its cosignatures: logs, and whoever relays their heads.  c2sp.org/tlog-witness, add-checkpoint */
import { TlogError } from "../src/errors.ts";
import {
  type AddCheckpointRequest,
  formatAddCheckpoint,
  MAX_COSIGNATURES_BYTES,
  parseCosignatureLines,
  parseSizeConflict,
} from "../src/tlog/add-checkpoint.ts";
import type { NoteSignature } from "../src/tlog/note.ts";
import { type FetcherOptions, openFetcher, type RemoteResponse } from "./fetcher.ts";

const SIZE_TYPE = "text/x.tlog.size";

export interface WitnessClientOptions
  extends Pick<FetcherOptions, "fetch" | "timeoutMs" | "now" | "random" | "sleep"> {
  /** The witness's submission prefix, http: or https:. */
  readonly url: string;
}

/** What a witness says to a checkpoint. Nothing in it is verified. */
export type AddCheckpointAnswer =
  | { readonly status: "cosigned"; readonly lines: readonly NoteSignature[] }
  /** The witness is at another size than the request's old one. */
  | { readonly status: "conflict"; readonly treeSize: number };

export interface WitnessClient {
  readonly url: string;
  /**
   * Asks once; when to ask again is the caller's to know.
   * @throws {TlogError} ROOT_MISMATCH (422, or 409 without a size as version 1.0.0 of the document has it: the witness knows
   *   another tree) | REMOTE_REFUSED | REMOTE_UNREACHABLE | REMOTE_TIMEOUT | REMOTE_TOO_LARGE | REMOTE_MALFORMED | ABORTED |
   *   ARGUMENT_INVALID
   */
  addCheckpoint(
    request: AddCheckpointRequest,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<AddCheckpointAnswer>;
}

/** @throws {TlogError} ARGUMENT_INVALID (the URL) */
export function openWitnessClient({ url, ...options }: WitnessClientOptions): WitnessClient {
  const fetcher = openFetcher(url, { ...options, retry: { maxAttempts: 1 } });
  return {
    url,
    async addCheckpoint(request, { signal } = {}) {
      const response = await fetcher.request({
        path: "add-checkpoint",
        body: formatAddCheckpoint(request),
        maxBytes: MAX_COSIGNATURES_BYTES,
        answers: [409, 422],
        signal,
      });
      return answerIn(response);
    },
  };
}

function answerIn({ status, mediaType, body }: RemoteResponse): AddCheckpointAnswer {
  if (status === 409 && mediaType === SIZE_TYPE) {
    return { status: "conflict", treeSize: wellFormed(() => parseSizeConflict(body)) };
  }
  if (status === 409 || status === 422) {
    throw new TlogError(
      "ROOT_MISMATCH",
      `add-checkpoint: answered ${status}: the witness knows another tree of this log`,
    );
  }
  return { status: "cosigned", lines: wellFormed(() => parseCosignatureLines(body)) };
}

function wellFormed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("REMOTE_MALFORMED", `add-checkpoint: ${cause.message}`, { cause });
  }
}
