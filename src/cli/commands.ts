import { add } from "./add.ts";
import type { CommandDefinition } from "./command.ts";
import { keygen } from "./keygen.ts";
import { policyCheck } from "./policy-check.ts";
import { serve } from "./serve.ts";
import { tokenNew } from "./token-new.ts";
import { verify } from "./verify.ts";

/** What the first words of two-word commands stand for. */
export const GROUPS: Readonly<Record<string, string>> = Object.freeze({
  policy: "look at C2SP tlog-policy files",
  token: "write tokens for clients",
});

/** Every command by the words that call it, in the order the help shows them. */
export const COMMANDS: Readonly<Record<string, CommandDefinition>> = Object.freeze({
  serve,
  add,
  verify,
  "policy check": policyCheck,
  keygen,
  "token new": tokenNew,
});
