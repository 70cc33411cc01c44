import { expect, it } from "vitest";
import type { Found } from "../../src/fsck/finding.ts";
import { formatState, parseState } from "../../src/fsck/state.ts";
import { expectCode } from "../expect-code.ts";

const SOUND: Found = { findings: [], more: 0 };
const DAMAGED: Found = {
  findings: [
    { kind: "tile", where: "tile/0/000", detail: "it is missing", cause: "unknown", remedy: "derive" },
  ],
  more: 0,
};

it("keeps of a check what was sound", () => {
  const common = { subject: "log", copy: "this", treeSize: 200_000, rootHash: new Uint8Array(32) };
  const hash = Uint8Array.of(1, 2);
  const state = {
    ...common,
    slices: new Map([
      [0, { hash, found: SOUND, bytes: 5 }],
      [1, { hash, found: DAMAGED, bytes: 5 }],
    ]),
    runs: new Map([
      ["0-256.run", DAMAGED],
      ["256-512.run", SOUND],
    ]),
  };
  expect(parseState(formatState(state), "state")).toEqual({
    ...common,
    slices: new Map([[0, { hash, found: SOUND, bytes: 5 }]]),
    runs: new Map([["256-512.run", SOUND]]),
  });
});

it.each(["PRIVATE+KEY+of a log", "{}", '{"format":"bristlecone-fsck/v2","slices":[7]}'])(
  "takes %s for no state, and asks nobody to remove it",
  (text) => {
    const { message } = expectCode(() => parseState(text, "log.key"), "CONFIG_INVALID");
    expect(message).toBe("log.key: it is not the state of a check, or damaged: name another file");
  },
);
