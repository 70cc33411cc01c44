/** The log gets another key: who knew the old one must follow, and the old one alone must be worth nothing. */
import { join } from "node:path";
import { memoryCheckpoints, openLogClient } from "../../client/index.ts";
import type { NoteSigner } from "../server.ts";
import { addPublished, openAt, withLog, withServed } from "./live-log.ts";
import { Entries } from "./load.ts";
import type { Rehearsal, Scene } from "./rehearsal.ts";
import { drillKey, type Place } from "./stage.ts";
import { seconds } from "./words.ts";

export const keyRotation: Rehearsal = {
  name: "key-rotation",
  title: "the signing key is replaced, and the old one is left out at last",
  copies: 1,
  advice: "do not rotate the log's own key before this passes; keep the report for the authors",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { stage, notes, signal, now } = scene;
  const place = await scene.copyLog("log");
  const next = await drillKey(stage.origin, join(stage.folder, "next.key"));
  const entries = new Entries("rotation");
  const checkpoints = memoryCheckpoints();
  let changes = 0; // owned by the client below
  const onKeyChange = (): void => {
    changes += 1;
  };
  const reader = (url: string) => openLogClient({ url, vkey: stage.vkey, checkpoints, onKeyChange });
  const seen = async (url: string) => await reader(url).checkpoint({ signal });
  await notes.step(
    { did: "a reader with the old key looks at the log", expected: "it verifies" },
    async () => {
      const treeSize = await withServed(openAt(stage, place), async ({ url }) => (await seen(url)).treeSize);
      return { saw: `size ${treeSize}`, isAsExpected: treeSize === stage.treeSize };
    },
  );
  const begun = now();
  await rotate(scene, place, next.signer);
  const both = withServed(
    openAt(stage, place, { signers: [next.signer, stage.signer] }),
    async ({ log, url }) => {
      await notes.step(
        { did: "served it with both keys, and added an entry", expected: "who knows either key verifies it" },
        async () => {
          await addPublished(log, { entries, count: 1, signal });
          const tookMs = now() - begun;
          const old = await seen(url);
          const fresh = await openLogClient({ url, vkey: next.vkey }).checkpoint({ signal });
          notes.figure({
            name: "rotation-seconds",
            value: tookMs / 1000,
            means: `${seconds(tookMs)} without taking entries`,
          });
          return {
            saw: `size ${old.treeSize} by the old key, ${fresh.treeSize} by the new one`,
            isAsExpected: Math.min(old.treeSize, fresh.treeSize) === stage.treeSize + 1,
          };
        },
      );
    },
  );
  await both;
  await withServed(openAt(stage, place, { signers: [next.signer] }), async ({ log, url }) => {
    await notes.step(
      {
        did: "left the old key out, and added an entry",
        expected: "the reader that knows the old key alone learns of the new one, and follows",
      },
      async () => {
        await addPublished(log, { entries, count: 1, signal });
        const { treeSize } = await seen(url);
        const newcomer = await openLogClient({ url, vkey: stage.vkey }).checkpoint({ signal });
        const saw = `it follows to size ${treeSize}, and was told of ${changes} change; a reader without memory follows to ${newcomer.treeSize}`;
        return {
          saw,
          isAsExpected: Math.min(treeSize, newcomer.treeSize) === stage.treeSize + 2 && changes > 0,
        };
      },
    );
  });
  await notes.refused(
    { did: "started it with the old key alone", expected: "refused: KEY_RETIRED" },
    { code: "KEY_RETIRED", act: () => withLog(openAt(stage, place), async () => undefined) },
  );
}

async function rotate({ stage, notes }: Scene, place: Place, next: NoteSigner): Promise<void> {
  await notes.step(
    { did: "replaced the key, as `rotate` does", expected: "the change is signed by the old key, and kept" },
    async () => {
      const keyChange = { signers: [next], atSeconds: Math.floor(Date.now() / 1000) };
      const made = await withLog(
        openAt(stage, place, { keyChange }),
        async (log) => log.keyHistory?.changes.length,
      );
      return { saw: `${made ?? 0} change is kept`, isAsExpected: made === 1 };
    },
  );
}
