/** Ways to spoil a witness's answer to a case, one for each thing the case asks of it: after any of them the case must not pass. */

import type { ProbeAnswer } from "../../src/conformance/probe.ts";
import type { CheckName, WitnessCase } from "../../src/conformance/witness/cases.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { noteSignature, parseSignatureLine } from "../../src/tlog/note.ts";
import { CASES } from "./witness-under-test.ts";

type Spoil = (answer: ProbeAnswer) => ProbeAnswer;

/** In the order of the case's own members. Never empty for a case that is judged. */
export function spoilersOf({ expect }: WitnessCase): readonly Spoil[] {
  if (expect === undefined) return [];
  const { status, contentType, body, checks = [] } = expect;
  const spoilers: Spoil[] = [withStatus(status.includes(200) ? 418 : 200)];
  if (contentType !== undefined) spoilers.push(withHeader("content-type", "text/plain"));
  if (body !== undefined) spoilers.push((answer) => ({ ...answer, body: answer.body.slice(0, -1) }));
  return [...spoilers, ...checks.map((check) => BY_CHECK[check])];
}

function withStatus(status: number): Spoil {
  return (answer) => ({ ...answer, status });
}

function withHeader(name: string, value: string | undefined): Spoil {
  return (answer) => {
    const headers = new Map(answer.headers);
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
    return { ...answer, headers };
  };
}

/** Changes the lines of an answer that is nothing but lines. */
function withLines(change: (lines: readonly string[]) => readonly string[]): Spoil {
  return (answer) => {
    const lines = new TextDecoder().decode(answer.body).split("\n").slice(0, -1);
    return {
      ...answer,
      body: encodeUtf8(
        change(lines)
          .map((line) => `${line}\n`)
          .join(""),
      ),
    };
  };
}

/** Changes what follows the key ID in every signature line, of a note too. */
function withPayloads(change: (payload: Uint8Array) => Uint8Array): Spoil {
  return withLines((lines) =>
    lines.map((line) => (line.startsWith("— ") ? changedLine(line, change) : line)),
  );
}

function changedLine(line: string, change: (payload: Uint8Array) => Uint8Array): string {
  const { name, keyId, payload } = parseSignatureLine(line);
  const [vkey = ""] = CASES.logs.flatMap(({ vkeys }) => vkeys);
  return noteSignature({ ...parseVerifierKey(vkey), name, keyId }, change(payload)).line;
}

const withoutTime = withPayloads((payload) => payload.with(7, 0).with(6, 0).with(5, 0).with(4, 0));
const hourEarlier = withPayloads((payload) => payload.with(6, (payload[6] ?? 0) - 14));
const flipped = withPayloads((payload) => payload.with(-1, (payload.at(-1) ?? 0) ^ 1));
/** The log's own line, as a witness that echoes what it was sent would answer. */
const withEcho = withLines((lines) => [...lines, `— ${CASES.logs[0]?.origin} AAAAAAAAAA==`]);
const withoutMlDsa = withLines((lines) => lines.filter((line) => line.length < 1000));
const withoutEd25519 = withLines((lines) => lines.filter((line) => line.length > 1000));

const BY_CHECK: Readonly<Record<CheckName, Spoil>> = {
  lines: (answer) => ({ ...answer, body: answer.body.slice(0, -1) }),
  "own-lines": withEcho,
  verify: flipped,
  "verify-ed25519": withoutEd25519,
  "verify-ml-dsa": withPayloads((payload) => payload.with(7, (payload[7] ?? 0) ^ 1)),
  "has-ml-dsa": withoutMlDsa,
  "time-set": withoutTime,
  "time-near": hourEarlier,
  "time-not-back": hourEarlier,
  small: (answer) => ({ ...answer, body: new Uint8Array(16_384) }),
  "size-type-exact": withHeader("content-type", "Text/X.Tlog.Size"),
  "text-plain": withHeader("content-type", "application/octet-stream"),
  "kept-alive": withHeader("connection", "close"),
  cors: withHeader("access-control-allow-origin", undefined),
  "monitor-head": withLines((lines) => lines.with(1, `${Number(lines[1]) - 1}`)),
  "monitor-log-line": withLines((lines) =>
    lines.filter((line) => !line.includes("conformance.example/main ")),
  ),
  "monitor-cosignatures": withLines((lines) => lines.slice(0, -1)),
  "monitor-own-lines": flipped,
  "subtree-verify": withPayloads((payload) => payload.with(7, 1)),
  "subtree-same-key": withEcho,
};
