import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { ALERTS } from "../../src/signals/prometheus.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TEXTS = ALERTS.flatMap(({ name, meaning, look, act }) =>
  [meaning, ...look, ...act].map((text) => ({ name, text })),
);
/** What stands between backticks. */
const QUOTED = TEXTS.flatMap(({ name, text }) =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, words = ""]) => ({ name, words })),
);
/** Of the machine. */
const PROGRAMS =
  /^(curl|df|du|dmesg|journalctl|systemctl|timedatectl|iostat|vmstat|ls|cat|printf|ssh-add|pkcs11-tool)( |$)/;
/** What stands for something in a command, such as DATA or WITNESS-URL, becomes something. */
const filled = (words: string) =>
  words
    .split(" ")
    .map((word) => (/^[A-Z][A-Z-]+$/.test(word) && word !== "N" ? "x" : word.replace(/^N$/, "3")));

/** The command of that many first words, with its options. */
async function commandOf(
  words: readonly string[],
): Promise<{ command: Command; rest: readonly string[] } | undefined> {
  for (let count = Math.min(2, words.length); count > 0; count--) {
    const entry = COMMANDS[words.slice(0, count).join(" ")];
    if (entry === undefined) continue;
    const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    command.action(() => {}).allowExcessArguments(false);
    (await entry.load()).define(command);
    return { command, rest: words.slice(count) };
  }
  return undefined;
}

async function flagsOfAll(): Promise<ReadonlySet<string>> {
  const flags = new Set(["--json", "--config"]);
  for (const path of Object.keys(COMMANDS)) {
    const known = await commandOf(path.split(" "));
    for (const { long } of known?.command.options ?? []) flags.add(long ?? "");
  }
  return flags;
}

function headingsOf(path: string): readonly string[] {
  return [...readFileSync(path, "utf8").matchAll(/^(?:#+ |\*\*)(.+?)(?:\.\*\*|$)/gm)].map(
    ([, heading = ""]) => heading,
  );
}

describe("runbooks", { timeout: 120_000 }, () => {
  it("name commands of ours that parse, and programs that are known", async () => {
    const wrong: string[] = [];
    for (const { name, words } of QUOTED) {
      const isOurs = /^(bristlecone|serve) /.test(words);
      if (!isOurs) continue;
      const argv = filled(words.replace(/^bristlecone /, "")).map((word) => word.replace(/^'|'$/g, ""));
      const known = await commandOf(argv);
      try {
        if (known === undefined) throw new Error("no such command");
        known.command.parse([...known.rest], { from: "user" });
      } catch (error) {
        wrong.push(`${name}: ${words}: ${String(error)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(QUOTED.filter(({ words }) => /^bristlecone /.test(words)).length).toBeGreaterThan(5);
    // Whatever has a flag or a place is a command: of ours, or of the machine.
    const strange = QUOTED.filter(({ words }) => / [-/]/.test(words) && !/^(bristlecone|serve) /.test(words));
    expect(strange.filter(({ words }) => !PROGRAMS.test(words))).toEqual([]);
  });

  it("name flags that a command has, and files that are here", async () => {
    const flags = await flagsOfAll();
    const named = TEXTS.flatMap(({ name, text }) =>
      [...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => ({ name, flag })),
    );
    expect(named.filter(({ flag }) => !flags.has(flag))).toEqual([]);
    const files = TEXTS.flatMap(({ text }) => [
      ...text.matchAll(/\b(?:deploy|docs)\/[\w./-]+\.md\b|\b[A-Z]+\.md\b/g),
    ]);
    expect(files.map(([path]) => path).filter((path) => !existsSync(`${ROOT}/${path}`))).toEqual([]);
  });

  it("name chapters that are there", () => {
    const chapters = TEXTS.flatMap(({ name, text }) =>
      [...text.matchAll(/([\w./-]+\.md), ([A-Z].*)/g)].map(([, file = "", rest = ""]) => ({
        name,
        file,
        rest,
      })),
    );
    const missing = chapters.filter(
      ({ file, rest }) => !headingsOf(`${ROOT}/${file}`).some((heading) => rest.startsWith(heading)),
    );
    expect(missing).toEqual([]);
    expect(chapters.length).toBeGreaterThan(3);
  });

  it("name units and ports of deploy/systemd", () => {
    const folder = `${ROOT}/deploy/systemd/system`;
    const units = readdirSync(folder).filter((name) => name.endsWith(".service"));
    const isThere = (pattern: string) => {
      const like = new RegExp(`^${pattern.replace("*", ".*")}([.]service)?$`);
      return units.some((unit) => like.test(unit));
    };
    const named = QUOTED.flatMap(({ name, words }) =>
      [...words.matchAll(/(?:systemctl \w+|journalctl.* -u) '?([^\s']+)'?/g)].map(([, unit = ""]) => ({
        name,
        unit,
      })),
    );
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter(({ unit }) => !isThere(unit))).toEqual([]);
    const portOf = (job: string) => {
      const unit = units.find((one) => new RegExp(`^bristlecone-${job}@?[.]`).test(one)) ?? "";
      return /ADMIN_LISTEN=127.0.0.1:(\d+)/.exec(readFileSync(`${folder}/${unit}`, "utf8"))?.[1];
    };
    const asked = QUOTED.flatMap(({ name, words }) =>
      [...words.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => ({ name, port })),
    );
    // Of what may be any of them the page says which ports there are.
    const jobOf = (name: string) => /^(Witness|Monitor)/.exec(name)?.[0].toLowerCase() ?? "log";
    expect(asked.filter(({ name, port }) => port !== portOf(jobOf(name)))).toEqual([]);
  });

  it("name alerts that are there", () => {
    const names = ALERTS.map(({ name }) => name);
    const others = TEXTS.flatMap(({ name, text }) =>
      [...text.matchAll(/\b(?:Log|Witness|Monitor|Bristlecone)[A-Z][a-z]\w+/g)].map(([other]) => ({
        name,
        other,
      })),
    );
    expect(others.filter(({ other }) => !names.includes(other))).toEqual([]);
  });
});
