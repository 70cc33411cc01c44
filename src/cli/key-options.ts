import { sshAgentSocket } from "../config.ts";
import type { KeyOptions } from "../keys/open-signer.ts";

/** What there is around this process that a key's holder may need. */
export function keyOptions(): KeyOptions {
  return { agentSocket: sshAgentSocket() };
}
