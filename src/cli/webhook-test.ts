import { randomBytes } from "node:crypto";
import { TlogError } from "../errors.ts";
import { printableLine } from "../telemetry/printable.ts";
import type { ConfiguredWebhook } from "../webhooks/open-webhooks.ts";
import { deliver } from "../webhooks/webhook.ts";
import { addExamples, type Call, type CommandDefinition } from "./command.ts";
import { readWebhooks } from "./serve-webhooks.ts";

/** `webhook test`: sends one signed message that says nothing, and tells what came back. */
export const webhookTest: CommandDefinition = {
  define(command) {
    command
      .argument("<file>", "the file of `serve --webhooks`")
      .argument("[name]", "of one receiver; default: all of them");
    addExamples(command, ["bristlecone webhook test webhooks.json ci"]);
  },
  async run(call) {
    const [path = "", name] = call.args;
    const all = await readWebhooks(path);
    const chosen = all.filter(({ settings }) => name === undefined || settings.name === name);
    if (chosen.length === 0) {
      const names = all.map(({ settings }) => settings.name).join(", ");
      throw new TlogError("USAGE", `${path}: want a receiver that it names (${names || "none"})`);
    }
    const failed: TlogError[] = [];
    for (const webhook of chosen) failed.push(...(await told(webhook, call)));
    const [first] = failed;
    if (first === undefined) return;
    throw new TlogError(first.code, `${failed.length} of ${chosen.length} did not take the message`);
  },
};

async function told(webhook: ConfiguredWebhook, { output, signal }: Call): Promise<readonly TlogError[]> {
  const { name } = webhook.settings;
  const now = Date.now;
  const id = `test_${randomBytes(16).toString("hex")}`;
  const body = JSON.stringify({ type: "webhook.test", timestamp: new Date(now()).toISOString(), data: {} });
  try {
    const status = await deliver({ id, body }, { ...webhook, signal, now });
    await output.result({ text: `${name}: answered ${status}`, json: { name, ok: true, status, id } });
    return [];
  } catch (error) {
    if (!(error instanceof TlogError) || signal.aborted) throw error;
    const { code } = error;
    const message = printableLine(error.message);
    await output.result({ text: `${name}: ${message}`, json: { name, ok: false, code, message, id } });
    return [error];
  }
}
