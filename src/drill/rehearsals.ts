/** Every rehearsal, in the order in which they are done. */
import { crash } from "./crash.ts";
import type { Rehearsal } from "./rehearsal.ts";

export const REHEARSALS: readonly Rehearsal[] = Object.freeze([crash]);
