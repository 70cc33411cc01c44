import {
  ADD_CHECKPOINT,
  type Expectation,
  HTTP_INTERFACE,
  MONITOR,
  type Recipe,
  submission,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

/** How HTTP is spoken, and what monitors read. */
export function httpCases(): readonly WitnessCase[] {
  return [...headers(), ...methods()];
}

const AGAIN = submission("S", "S");
const LINES = { status: [200], checks: ["lines"] };

function headers(): readonly WitnessCase[] {
  const practice = (name: string, requirement: string, request: Recipe, expect: Expectation = LINES) =>
    witnessCase(ADD_CHECKPOINT, "practice", name, requirement, { request, sets: "S", expect });
  return [
    practice(
      "no-content-type-is-needed",
      "A request without a Content-Type is answered: clients send none.",
      AGAIN,
    ),
    practice("any-content-type-is-taken", "A request with a Content-Type of another kind is answered.", {
      ...AGAIN,
      headers: { "Content-Type": "application/json" },
    }),
    witnessCase(
      HTTP_INTERFACE,
      "SHOULD",
      "connections-are-kept-alive",
      "The connection is kept for the next request.",
      { request: AGAIN, sets: "S", expect: { status: [200], checks: ["kept-alive"] } },
    ),
    practice(
      "answer-is-for-browsers",
      "Pages of other origins may read the answer: Access-Control-Allow-Origin.",
      { ...AGAIN, headers: { Origin: "https://monitor.example" } },
      { status: [200], checks: ["cors"] },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "preflight-is-answered",
      "The preflight of such a page is answered.",
      {
        request: {
          method: "OPTIONS",
          path: "add-checkpoint",
          headers: { Origin: "https://monitor.example", "Access-Control-Request-Method": "POST" },
        },
        expect: { status: [200, 204], checks: ["cors"] },
      },
    ),
  ];
}

function methods(): readonly WitnessCase[] {
  return [
    ...(["GET", "HEAD"] as const).map((method) =>
      witnessCase(
        ADD_CHECKPOINT,
        "practice",
        `${method.toLowerCase()}-is-405`,
        `${method} is not what add-checkpoint is called by: 405.`,
        {
          request: { method, path: "add-checkpoint" },
          expect: { status: [405] },
        },
      ),
    ),
    witnessCase(
      HTTP_INTERFACE,
      "practice",
      "unknown-path-is-404",
      "A path that is none of the witness's is 404.",
      {
        request: { method: "GET", path: "bristlecone-conformance-no-such-path" },
        expect: { status: [404] },
      },
    ),
  ];
}

const READ: Recipe = { method: "GET", path: "{origin-hash}/checkpoint" };

export function monitorCases(): readonly WitnessCase[] {
  return [...shown(), ...notShown(), ...forgedLines()];
}

/** It may be up to an hour until a witness shows what it cosigned first. */
const NOT_YET = { later: [404] };

function shown(): readonly WitnessCase[] {
  const needs = ["monitoring"] as const;
  const state = "cosigned" as const;
  const look = (checks: readonly string[]) => ({
    state,
    needs,
    request: READ,
    expect: { status: [200], ...NOT_YET, checks },
  });
  /** What it must hold if it is served, which is a SHOULD. */
  const served = (checks: readonly string[]) => ({
    ...look(checks),
    expect: { status: [200], ...NOT_YET, otherRefusal: "warn" as const, checks },
  });
  return [
    witnessCase(
      MONITOR,
      "SHOULD",
      "monitors-are-served",
      "A recent checkpoint of each cosigned log is served.",
      look([]),
    ),
    witnessCase(
      MONITOR,
      "MUST",
      "monitors-see-the-log",
      "It is a checkpoint of the log, of a tree that was cosigned.",
      { ...served(["monitor-head"]), note: "It may be up to an hour old." },
    ),
    witnessCase(
      MONITOR,
      "MUST",
      "monitors-see-the-logs-signature",
      "It carries the log's signature that the witness verified.",
      served(["monitor-log-line"]),
    ),
    witnessCase(
      MONITOR,
      "MUST",
      "monitors-see-the-cosignatures",
      "It carries the cosignatures that add-checkpoint answered.",
      served(["monitor-cosignatures"]),
    ),
    witnessCase(MONITOR, "practice", "monitors-read-text", "It is text/plain.", look(["text-plain"])),
    witnessCase(
      MONITOR,
      "practice",
      "monitors-in-browsers",
      "Pages of other origins may read it.",
      look(["cors"]),
    ),
  ];
}

function notShown(): readonly WitnessCase[] {
  const absent = { needs: ["monitoring"] as const, request: READ, expect: { status: [404] } };
  return [
    witnessCase(MONITOR, "MUST", "never-cosigned-is-404", "A log of which nothing was cosigned is 404.", {
      ...absent,
      log: "fresh",
      state: "never",
    }),
    witnessCase(MONITOR, "MUST", "unknown-log-is-404", "A log the witness does not know is 404.", {
      ...absent,
      log: "unknown",
    }),
    witnessCase(
      MONITOR,
      "practice",
      "uppercase-hash-is-404",
      "The hash is lowercase: in capitals it names nothing, 404.",
      { ...absent, state: "cosigned", request: { ...READ, path: "{ORIGIN-HASH}/checkpoint" } },
    ),
  ];
}

/** A witness that stores the notes it is sent as they come can be made to choke on them: the log is one of its own. */
function forgedLines(): readonly WitnessCase[] {
  const log = "forged-line";
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "forged-own-line-is-harmless",
      "A line with the witness's own name and key ID, which it never made, is ignored, or the request refused.",
      {
        log,
        needs: ["witness-keys"],
        request: submission("S", "S+1", { signatures: ["{sign log}", "{forged-cosignature}"] }),
        sets: "S+1",
        expect: { status: [200, 400, 403] },
      },
    ),
    witnessCase(
      MONITOR,
      "practice",
      "forged-own-line-is-not-served",
      "No line of the witness's keys that does not verify is served, after one was sent.",
      {
        log,
        state: "cosigned",
        needs: ["monitoring", "witness-keys"],
        request: READ,
        expect: { status: [200], ...NOT_YET, checks: ["monitor-own-lines"] },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "forged-own-line-stops-nothing",
      "After that the witness answers for the log as before: 409, or 200 if it has nothing.",
      {
        log,
        state: "any",
        request: submission("0", "11"),
        expect: { status: [200, 409] },
      },
    ),
  ];
}
