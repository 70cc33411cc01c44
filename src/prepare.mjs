// npm runs this after an install in a clone, and once more when npx first runs the clone's own command. Building anew then
// would take long, and pull the files from under a running server: so only when a source is newer than the build.
import { execSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const PROGRAM = "dist/bin/main.js";
const LAST_BUILT = "dist/bin/LICENSES";

if (
  !existsSync(LAST_BUILT) ||
  newestChange(["src", "client", "explorer", "package.json", "tsconfig.json"]) > statSync(LAST_BUILT).mtimeMs
) {
  execSync("npm run build", { stdio: "inherit" });
}
chmodSync(PROGRAM, 0o755);

function newestChange(paths) {
  return Math.max(...paths.flatMap(filesUnder).map((file) => statSync(file).mtimeMs));
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name)));
}
