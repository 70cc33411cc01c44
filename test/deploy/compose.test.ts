/** `deploy/compose.yaml` and the `Dockerfile` without Docker: by Compose's own schema where it is installed, and by what the image is made from. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, inject, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const COMPOSE = readFileSync(join(ROOT, "deploy/compose.yaml"), "utf8");
const canCheck = spawnSync("docker-compose", ["--version"]).status === 0;

describe.skipIf(!canCheck)("the compose file", () => {
  it("is what Compose takes, and wants the log's name", () => {
    const folder = mkdtempSync(join(inject("scratch"), "compose-"));
    // Compose 1.29, which Debian has, checks by the same schema, from before it had names of projects.
    writeFileSync(join(folder, "compose.yaml"), COMPOSE.replace(/^name: .*$/m, ""));
    const check = (environment: Readonly<Record<string, string>>) =>
      spawnSync("docker-compose", ["--profile", "witness", "config"], {
        cwd: folder,
        encoding: "utf8",
        env: { PATH: process.env.PATH, ...environment },
      });
    const good = check({ ORIGIN: "log.example.com/2026" });
    expect(good.stderr).toBe("");
    expect(good.stdout).toContain("BRISTLECONE_ORIGIN: log.example.com/2026");
    expect(check({}).stderr).toContain("the name of the log, in .env");
  });
});

describe("the image", () => {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const ignored = readFileSync(join(ROOT, ".dockerignore"), "utf8").trim().split("\n");

  it("copies only what .dockerignore lets in, and what is there", () => {
    const taken = ignored.slice(1).map((line) => line.replace("!", ""));
    expect(ignored[0]).toBe("*");
    for (const path of taken) expect(existsSync(join(ROOT, path)), path).toBe(true);
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list = ""]) =>
      list.split(" "),
    );
    for (const path of copied)
      expect(
        taken.some((allowed) => allowed === path || allowed.startsWith(`${path}/`)),
        path,
      ).toBe(true);
  });

  it("has every folder and file that the build reads, and what the package ships", () => {
    const { scripts, files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const built = [...`${scripts.build}`.matchAll(/(?:tsc -p|tsx) ([a-z]+)/g)].map(([, folder]) => folder);
    expect(built.length).toBeGreaterThan(2);
    for (const folder of built) expect(ignored).toContain(`!${folder}`);
    const needed = `${files}`.split(",").filter((path) => path.startsWith("spec/") && path.endsWith(".json"));
    expect(needed.length).toBeGreaterThan(2);
    for (const path of needed) expect(ignored).toContain(`!${path}`);
  });

  it("runs where compose and image say the same of places", () => {
    for (const place of ["/var/lib/bristlecone", "/var/lib/bristlecone-guard", "/var/backups/bristlecone"]) {
      expect(dockerfile).toContain(place);
      expect(COMPOSE).toContain(`:${place}\n`);
    }
  });
});
