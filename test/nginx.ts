/** nginx with a configuration of `deploy/`, on a free port, for tests. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";

export const NGINX = ["/usr/sbin/nginx", "nginx"].find((path) => spawnSync(path, ["-v"]).status === 0);

export interface RunningNginx {
  readonly port: number;
  readonly child: ChildProcess;
}

/**
 * @param options.config - the file's name in `deploy/`.
 * @param options.replace - what stands there, and what stands in its place; "PORT" becomes the port.
 */
export async function startNginx({
  folder,
  config,
  replace,
}: {
  readonly folder: string;
  readonly config: string;
  readonly replace: readonly (readonly [string, string])[];
}): Promise<RunningNginx> {
  const port = await freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const own = replace.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${config} has no ${from}`);
      return text.replace(from, to.replace("PORT", `${port}`));
    },
    readFileSync(resolve("deploy", config), "utf8"),
  );
  const http = ["access_log off;", ...paths, own].join("\n");
  // The tests may run as root, and nginx then reads as somebody who may not look into their folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; master_process off; ${user}\npid ${join(folder, "pid")}; error_log ${join(folder, "errors")};\nevents {}\nhttp {\n${http}\n}\n`,
  );
  mkdirSync(join(folder, "logs"), { recursive: true });
  const child = spawn(NGINX ?? "", ["-p", folder, "-c", file], { stdio: "ignore" });
  while (child.exitCode === null) {
    const isUp = await fetch(`http://127.0.0.1:${port}/checkpoint`).then(
      () => true,
      () => false,
    );
    if (isUp) return { port, child };
  }
  throw new Error(readFileSync(join(folder, "errors"), "utf8"));
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
