import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { gate } from "../log/harness.ts";
import { hasGo } from "./go-programs.ts";
import {
  type FieldLog,
  type Member,
  PATIENCE_MS,
  PEERS,
  startWitnessField,
  type WitnessField,
} from "./witness-field.ts";
import {
  anotherSize,
  type Conduct,
  forgedLines,
  heldUntil,
  hugeSize,
  noAnswer,
  oversize,
  redirect,
} from "./witness-proxy.ts";

const FIELD_SIZE = 4;
const QUORUM = 3;
const peers = PEERS.map(({ name }) => name).filter((name) => name !== "sunlight-head");
/** All four of them, or ours in the place of those that are not installed. */
const names = [...peers, "own", "own2", "own3"].slice(0, FIELD_SIZE);
const skipped = !hasGo("go-cosigned") || peers.length === 0;

let field: WitnessField;
let opened: FieldLog;

beforeAll(async () => {
  if (!skipped) field = await startWitnessField(names);
});

afterAll(async () => {
  if (!skipped) await field.close();
});

beforeEach(async () => {
  if (!skipped) opened = await field.open(QUORUM);
});

afterEach(async () => {
  if (skipped) return;
  for (const { proxy } of field.members) proxy.behave(undefined);
  await opened.log.close();
});

function memberOf(name: string): Member {
  const member = field.members.find((candidate) => candidate.name === name);
  if (member === undefined) throw new Error(`no member ${name}`);
  return member;
}

/** A line for each key of a member. */
async function untilTold(name: string, code: string): Promise<void> {
  const member = memberOf(name);
  const codes = member.vkeys.map(() => code);
  await vi.waitFor(() => expect(field.failing(opened, member)).toEqual(codes), { timeout: PATIENCE_MS });
  for (const index of member.vkeys.keys()) expect(opened.failures).toContain(`${name}-${index} ${code}`);
}

/** So that no answer counts as too late, however busy the machine is. */
async function reopenWithPatience(): Promise<void> {
  await opened.log.close();
  opened = await field.open(QUORUM, PATIENCE_MS);
}

function without(name: string): readonly string[] {
  return names.filter((other) => other !== name);
}

describe.skipIf(skipped)(`our log under a policy of ${QUORUM} of ${names.join(", ")}`, () => {
  it("publishes what a quorum cosigned, and has all four's cosignatures soon", async () => {
    await reopenWithPatience();
    for (const count of [1, 6, 300]) await field.grow(opened, count);
    await field.untilAllCosign(opened);
    expect(opened.failures).toEqual([]);
  });

  it.each(peers)(
    "publishes while %s is stopped, names it, and has it again when it goes on",
    async (name) => {
      await field.untilAllCosign(opened);
      const { pid } = memberOf(name);
      if (pid === undefined) throw new Error(`${name} is no program of its own`);
      process.kill(pid, "SIGSTOP");
      try {
        const [first, second] = [await field.grow(opened), await field.grow(opened, 40)];
        expect(await field.cosigners(first)).not.toContain(name);
        expect(await field.cosigners(second)).toEqual(without(name));
        await untilTold(name, "REMOTE_TIMEOUT");
      } finally {
        process.kill(pid, "SIGCONT");
      }
      await field.untilAllCosign(opened);
    },
  );

  it.each(names)(
    "publishes without %s, which is slow, and takes its cosignature when it comes",
    async (name) => {
      await reopenWithPatience();
      await field.untilAllCosign(opened);
      const { passed, open } = gate();
      memberOf(name).proxy.behave(heldUntil(passed));
      const checkpoint = await field.grow(opened);
      expect(await field.cosigners(checkpoint)).toEqual(without(name));
      open();
      await vi.waitFor(
        async () => {
          expect(await field.cosigners(opened.log.published().checkpoint)).toEqual(names);
        },
        { timeout: PATIENCE_MS },
      );
      expect(opened.failures).toEqual([]);
    },
  );

  const misconduct: readonly { of: string; conduct: Conduct; code: string }[] = [
    { of: "is dead", conduct: noAnswer, code: "REMOTE_UNREACHABLE" },
    { of: "claims a size that no log has", conduct: hugeSize, code: "SIZE_CONFLICT" },
    { of: "answers forged cosignatures", conduct: forgedLines, code: "SIGNATURE_INVALID" },
    { of: "answers cosignatures of another size", conduct: anotherSize, code: "SIGNATURE_INVALID" },
    { of: "answers more than anybody reads", conduct: oversize, code: "REMOTE_TOO_LARGE" },
    { of: "sends our log elsewhere", conduct: redirect, code: "REMOTE_REFUSED" },
  ];

  it.each(misconduct.map((one, index) => ({ ...one, name: names[index % names.length] ?? "" })))(
    "publishes while $name $of, counts nothing of it, and says so: $code",
    async ({ name, conduct, code }) => {
      await field.untilAllCosign(opened);
      memberOf(name).proxy.behave(conduct);
      const checkpoint = await field.grow(opened);
      expect(await field.cosigners(checkpoint)).toEqual(without(name));
      await untilTold(name, code);
      expect(opened.missed).toEqual([]);
      memberOf(name).proxy.behave(undefined);
      await field.untilAllCosign(opened);
    },
  );

  it("does not publish while two are missing, says who and why, and goes on with one of them", async () => {
    const [dead, liar] = [memberOf(names[1] ?? ""), memberOf(names[2] ?? "")];
    await field.untilAllCosign(opened);
    dead.proxy.behave(noAnswer);
    liar.proxy.behave(forgedLines);
    const size = opened.log.published().treeSize;
    const growing = field.grow(opened);
    await vi.waitFor(() => expect(opened.missed).not.toEqual([]), { timeout: PATIENCE_MS });
    expect(opened.log.published().treeSize).toBe(size);
    expect(opened.log.witnessing()?.isQuorumMissing).toBe(true);
    const told = `quorum missing ${size + 1}`;
    expect(opened.missed).toContainEqual(
      expect.stringMatching(`^${told}: ${dead.name}-0 REMOTE_UNREACHABLE: `),
    );
    expect(opened.missed).toContainEqual(
      expect.stringMatching(`^${told}: ${liar.name}-0 SIGNATURE_INVALID: `),
    );
    dead.proxy.behave(undefined);
    expect(await field.cosigners(await growing)).toEqual(without(liar.name));
  });

  it("brings witnesses that stand at four sizes to the same one", async () => {
    await opened.log.close();
    opened = await field.open(1);
    await field.untilAllCosign(opened);
    const sizes: number[] = [];
    for (const { name } of field.members) {
      for (const { name: other, proxy } of field.members) proxy.behave(other === name ? undefined : noAnswer);
      const checkpoint = await field.grow(opened, 7);
      expect(await field.cosigners(checkpoint)).toEqual([name]);
      sizes.push(opened.log.published().treeSize);
    }
    await opened.log.close();
    for (const { proxy } of field.members) proxy.behave(undefined);
    opened = await field.open(QUORUM);
    const asked = field.members.map(({ proxy }) => proxy.answers.length);
    await field.untilAllCosign(opened);
    const answers = field.members.map(({ proxy }, index) => proxy.answers.slice(asked[index])[0]);
    // The last one's cosignature stands in the published checkpoint: its size is known.
    expect(answers).toEqual([...sizes.slice(0, -1).map((size) => `409 ${size}`), "200"]);
  });
});
