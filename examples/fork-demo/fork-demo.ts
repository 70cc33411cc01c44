/**
 * One log key, two branches, four witnesses, a policy of 2 of 3. One colluding witness is enough to fool a client; the
 * cross-check of a witness that nobody asked finds it, and one file convicts the log before anyone, offline.
 */
import { type LogHead, verifyReceipt } from "../../client/index.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type NoteSigner,
  openSigner,
  TlogError,
  type WitnessedLog,
} from "../../src/server.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseForkEvidence, verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { witnessEvidence } from "../../src/tlog/fork-evidence-build.ts";
import { formatVerifierKey, parseVerifierKey } from "../../src/tlog/key.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { startPollers } from "../../src/witness/pollers.ts";
import { type Branch, type Closing, newCosignerKey, openBranch, openPlayer, type Player } from "./cast.ts";

export interface ForkDemoOptions {
  readonly print: (line: string) => void;
  /** The auditor's polling interval, in milliseconds. */
  readonly intervalMs: number;
}

/** What is left when the play is over. */
export interface ForkDemoResult {
  readonly logVkey: string;
  /** Files: what convicts the log, and what convicts the witness that colluded. */
  readonly evidence: string;
  readonly witnessEvidence: string;
  readonly colluderVkey: string;
  /** From the moment the forked head was there to see until the auditor had the evidence. */
  readonly foundAfterMs: number;
}

const ORIGIN = "log.example/payments";
const COMMON_ENTRIES = 300;
const PATIENCE_MS = 15_000;

/** @throws {TlogError} INCOMPLETE when a step does not come out as it should, or whatever it failed with. */
export async function runForkDemo(options: ForkDemoOptions): Promise<ForkDemoResult> {
  const closing: Closing = [];
  try {
    return await play(options, closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function play(options: ForkDemoOptions, closing: Closing): Promise<ForkDemoResult> {
  const { print, intervalMs } = options;
  const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: ORIGIN })));
  const logVkey = formatVerifierKey(signer.verifierKey);
  const witnessed = logOf(signer, []);
  const honest = async (name: string) => openPlayer(await newCosignerKey(name), witnessed, closing);
  const [alice, bob] = [await honest("alice.example/w"), await honest("bob.example/w")];
  const malloryKey = await newCosignerKey("mallory.example/w");
  const mallory = await openPlayer(malloryKey, witnessed, closing);
  const malloryAgain = await openPlayer(malloryKey, witnessed, closing);
  const policyWith = (urls: Urls) => policyText(logVkey, { alice, bob, mallory }, urls);
  print("The policy that everybody agrees on: 2 of alice, bob and mallory. mallory colludes with the log.");

  const onA = policyWith({ alice: alice.url, mallory: mallory.url });
  const branchA = await openBranch({ signer, policy: onA }, closing);
  const headA = await publish(branchA, ["10 to Ann", "10 to Ben"]);
  print(`Branch A: ${headA.treeSize} entries, cosigned by ${cosigners(headA)}. bob hears nothing of it.`);

  const carol = await openPlayer(
    await newCosignerKey("carol.example/w"),
    logOf(signer, [branchA.url]),
    closing,
  );
  const found = watch(carol, { peers: { alice, bob, mallory }, intervalMs }, closing);
  await waitFor("carol has pulled branch A", async () => {
    const head = await carol.witness.headAt(ORIGIN);
    return head?.treeSize === headA.treeSize ? head : undefined;
  });
  print("carol, whom nobody asked, pulls branch A and looks at what the three others show: all is well.");

  const onB = policyWith({ bob: bob.url, mallory: malloryAgain.url });
  const branchB = await openBranch({ signer, policy: onB }, closing);
  const headB = await publish(branchB, ["10,000 to Eve"]);
  const shownAtMs = performance.now();
  print(`Branch B: "10,000 to Eve" in ${headB.treeSize} entries, cosigned by ${cosigners(headB)}.`);
  print("A client there has a receipt that verifies offline by the policy: the client is fooled.");

  await waitFor("carol finds the fork", async () => found() || undefined);
  const foundAfterMs = Math.round(performance.now() - shownAtMs);
  print(
    `carol has found the fork ${foundAfterMs} ms after the client was fooled; she looks every ${intervalMs} ms.`,
  );
  const scene = { print, carol, others: [alice, bob], notes: [headA.signedNote, headB.signedNote] } as const;
  return await judge(scene, { logVkey, colluderVkey: mallory.vkey, foundAfterMs });
}

/** Appends what the branches share, then what only this one has, and verifies the last receipt offline. */
async function publish({ client, policy }: Branch, own: readonly string[]): Promise<LogHead> {
  const shared = Array.from({ length: COMMON_ENTRIES }, (_, at) => `payment ${at}`);
  const entries = [...shared, ...own].map((text) => encodeUtf8(text));
  const last = entries.at(-1) ?? new Uint8Array(0);
  await client.appendBatch(entries.slice(0, -1));
  const { receipt } = await client.append(last, { waitForReceiptMs: PATIENCE_MS });
  if (receipt === undefined) throw new TlogError("INCOMPLETE", "no receipt: the quorum did not cosign");
  await verifyReceipt({ receipt: receipt.text, entry: last, policy });
  return await client.checkpoint();
}

/** Lets the auditor pull and cross-check. @returns whether it has found evidence. */
function watch(
  { witness }: Player,
  { peers, intervalMs }: { readonly peers: Record<string, Player>; readonly intervalMs: number },
  closing: Closing,
): () => boolean {
  let isFound = false;
  const pollers = startPollers({
    witness,
    peers: Object.entries(peers).map(([name, { url, vkey }]) => ({
      name,
      url,
      keys: [parseVerifierKey(vkey)],
    })),
    events: {
      headCompared: ({ verdict }) => {
        isFound ||= verdict === "evidence";
      },
    },
    now: Date.now,
    pullIntervalMs: intervalMs,
    crossCheckIntervalMs: intervalMs,
  });
  closing.push(() => pollers.close());
  return () => isFound;
}

function logOf({ verifierKey }: NoteSigner, urls: readonly string[]): WitnessedLog {
  return { origin: ORIGIN, logKeys: [verifierKey], urls, queriesPerDay: undefined, isDisabled: false };
}

type Urls = Readonly<Record<string, string>>;

function policyText(logVkey: string, witnesses: Readonly<Record<string, Player>>, urls: Urls): string {
  const names = Object.keys(witnesses);
  return [
    `log ${logVkey}`,
    ...Object.entries(witnesses).map(([name, { vkey }]) =>
      `witness ${name} ${vkey} ${urls[name] ?? ""}`.trimEnd(),
    ),
    `group two-of-three 2 ${names.join(" ")}`,
    "quorum two-of-three",
    "",
  ].join("\n");
}

async function judge(
  scene: {
    readonly print: (line: string) => void;
    readonly carol: Player;
    readonly others: readonly Player[];
    readonly notes: readonly [Uint8Array, Uint8Array];
  },
  known: Pick<ForkDemoResult, "logVkey" | "colluderVkey" | "foundAfterMs">,
): Promise<ForkDemoResult> {
  const { print, carol, others, notes } = scene;
  const [found] = await carol.witness.evidence(originHash(ORIGIN));
  const file = found && (await carol.witness.evidenceFile(originHash(ORIGIN), found.id));
  if (file === undefined) throw new TlogError("INCOMPLETE", "carol holds no evidence");
  const evidence = decodeUtf8(file);
  const logKeys = [parseVerifierKey(known.logVkey)];
  const verdict = await verifyForkEvidence({ evidence, logKeys });
  print(
    `The file (${file.length} bytes) convicts the ${verdict.accused.role} ${verdict.accused.name}, with its key alone:`,
  );
  for (const line of verdict.explanation.split("\n")) print(`  ${line}`);

  for (const { url, witness } of others) {
    const answer = await fetch(`${url}/evidence`, { method: "POST", body: evidence });
    const [state] = await witness.logs();
    if (!answer.ok || state?.frozenBy !== verdict.id) {
      throw new TlogError("INCOMPLETE", `${witness.name} did not take the evidence: ${answer.status}`);
    }
    print(`${witness.name} has read the file too, and cosigns the log no more.`);
  }

  const { contradiction } = parseForkEvidence(evidence);
  const finding = contradiction.shape === "cross-size" ? contradiction : {};
  const witnessKey = parseVerifierKey(known.colluderVkey);
  const against = await witnessEvidence({ origin: ORIGIN, notes, logKeys, witnessKey, ...finding });
  if (against === undefined) throw new TlogError("INCOMPLETE", "nothing convicts mallory");
  const guilty = await verifyForkEvidence({ evidence: against, logKeys: [], witnessKeys: [witnessKey] });
  print(
    `The two checkpoints that clients hold convict the ${guilty.accused.role} ${guilty.accused.name} as well: ${guilty.kind}.`,
  );
  return { ...known, evidence, witnessEvidence: against };
}

function cosigners({
  cosignatures,
}: {
  readonly cosignatures: readonly { readonly name: string }[];
}): string {
  return cosignatures.map(({ name }) => name).join(" and ");
}

/** Asks until there is an answer, or fails. */
async function waitFor<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new TlogError("INCOMPLETE", `${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
