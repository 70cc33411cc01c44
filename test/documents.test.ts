/** What the documents point to is there: files, headings, error codes, flags. Their commands run in test/install/readme.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const LISTED = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
const TEXTS = new Map<string, string>();

function read(file: string): string {
  const text = TEXTS.get(file) ?? readFileSync(join(ROOT, file), "utf8");
  TEXTS.set(file, text);
  return text;
}

const FILES = execFileSync("git", LISTED, { cwd: ROOT, encoding: "utf8" }).split("\0");
const DOCUMENTS = FILES.filter((file) => file.endsWith(".md") && existsSync(join(ROOT, file)));
const PAGES = DOCUMENTS.filter((file) => /^(README\.md$|docs\/)/.test(file));
const SOURCES = FILES.filter((file) => /^(src|client)\/.*\.ts$/.test(file) && existsSync(join(ROOT, file)));
const SOURCE = SOURCES.map(read).join("\n");

/** A document's own words, without what stands in fenced blocks. */
function proseOf(file: string): string {
  return read(file).replace(/^```[\s\S]*?^```$/gm, "");
}

function headingsOf(file: string): readonly string[] {
  return [...proseOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
}

/** As GitHub makes them of headings; and those that a document sets itself. */
function anchorsOf(file: string): ReadonlySet<string> {
  const slugs = headingsOf(file).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  const set = [...read(file).matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...slugs, ...set]);
}

it("links lead to files and headings that are there", () => {
  const broken: string[] = [];
  for (const file of DOCUMENTS) {
    for (const [, target = ""] of proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const there = path === "" ? file : join(dirname(file), path);
      const isThere = existsSync(join(ROOT, there)) && (anchor === undefined || anchorsOf(there).has(anchor));
      if (!isThere) broken.push(`${file}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

describe("the pages for people", () => {
  it("name codes that the program says", () => {
    const named = PAGES.flatMap((file) => [...read(file).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)]);
    const unknown = named.map(([, code = ""]) => code).filter((code) => !SOURCE.includes(code));
    expect(unknown.filter((code) => !code.startsWith("BRISTLECONE_"))).toEqual([]);
  });

  it("name flags that some command has", () => {
    const others = ["--data-binary", "--fail-with-body", "--kill-whom"]; // of curl and systemctl
    const named = PAGES.flatMap((file) => [...read(file).matchAll(/(?<=[\s`'(])--[a-z][a-z-]+/g)]);
    // A flag stands in the sources as it is, or is made of a setting's name in camel case.
    const isKnown = (flag: string) =>
      SOURCE.includes(flag) ||
      new RegExp(`\\b${flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}\\b`).test(
        SOURCE,
      );
    expect(named.map(([flag]) => flag).filter((flag) => !others.includes(flag) && !isKnown(flag))).toEqual(
      [],
    );
  });

  it("have the headings that messages and runbooks send to", () => {
    const sent = [...SOURCE.matchAll(/\b((?:docs|deploy|spec)\/[\w./-]+\.md)(?:, ([A-Z][^"`)*\n]*))?/g)];
    expect(sent.length).toBeGreaterThan(10);
    const astray = sent.filter(([, file = "", words]) => {
      const place = words?.trim();
      if (!existsSync(join(ROOT, file))) return true;
      const headings = [
        ...headingsOf(file),
        ...[...read(file).matchAll(/^\*\*([^*.]+)\.?\*\*/gm)].map(([, lead = ""]) => lead),
      ];
      return (
        place !== undefined &&
        !headings.some((heading) => place.startsWith(heading) || heading.startsWith(place))
      );
    });
    expect(astray.map(([words]) => words)).toEqual([]);
  });
});
