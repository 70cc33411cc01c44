/** Every rehearsal, in the order in which they are done. */
import { crash } from "./crash.ts";
import { fork } from "./fork.ts";
import { fullDisk } from "./full-disk.ts";
import { keyRotation } from "./key-rotation.ts";
import { lostWitness } from "./lost-witness.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { restore } from "./restore.ts";

export const REHEARSALS: readonly Rehearsal[] = Object.freeze([
  crash,
  restore,
  fork,
  lostWitness,
  fullDisk,
  keyRotation,
]);
