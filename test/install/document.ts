/**
 * A document whose commands run, from top to bottom, in one shell. What follows the language of a fenced block says how:
 *
 *     sh              runs, and ends with 0
 *     sh exits 1      runs, and ends with 1
 *     sh terminal     goes on: started in a terminal of its own, until it says how it is ended
 *     sh ctrl-c       runs after Ctrl-C in every such terminal
 *     sh needs go     only where there is such a program, or Python package
 *     text            what the block before it printed, `…` for any text
 *     js submit.mjs   a file (as json, python and go are) that the reader saves
 *
 * Blocks without a word that is listed here, and what is indented, are there to be read.
 */
import { readFile } from "node:fs/promises";

export interface Block {
  readonly line: number;
  readonly language: string;
  readonly words: readonly string[];
  readonly text: string;
}

export async function readBlocks(file: string): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly info: string; readonly lines: string[] } | undefined;
  for (const [index, line] of (await readFile(file, "utf8")).split("\n").entries()) {
    if (!line.startsWith("```")) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 1, info: line.slice(3), lines: [] };
    else {
      const [language = "", ...words] = open.info.split(" ");
      blocks.push({ line: open.line, language, words, text: open.lines.join("\n") });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the block does not end`);
  return blocks;
}

/** The blocks that a document's reader runs or saves, as one bash script. Block N's output goes to `$OUTPUT/N`. */
export function scriptOf(blocks: readonly Block[]): string {
  return blocks.map((block, index) => stepOf(block, index)).join("\n");
}

function stepOf({ language, words, text, line }: Block, index: number): string {
  const [what, value] = words;
  const output = `"$OUTPUT/${index}"`;
  const at = `at=${line}`;
  if (language !== "sh")
    return words.length === 1 ? `${at}; cat > ${what} <<'END OF BLOCK'\n${text}\nEND OF BLOCK` : "";
  if (what === "terminal") return `${at}; terminal ${output} <<'END OF BLOCK'\n${text}\nEND OF BLOCK`;
  if (what === "exits")
    return `${at}; set +e; { ${text}\n} > ${output} 2>&1; status=$?; set -e; expect ${value} $status ${output}`;
  if (what === "ctrl-c") return `${at}; interrupt; { ${text}\n} > ${output} 2>&1`;
  const runs = `{ ${text}\n} > ${output} 2>&1`;
  return what === "needs" ? `${at}; if has ${value}; then ${runs}; fi` : `${at}; ${runs}`;
}

/** What the script begins with. However it ends, what it started ends too, and it says at which line and with what output. */
export const PRELUDE = `
set -aeuo pipefail
at=0
terminals=()
interrupt() {
  for terminal in "\${terminals[@]}"; do kill -INT -- "-$terminal" 2> /dev/null || true; done
  terminals=()
  wait
}
finish() {
  local status=$?
  interrupt
  [ "$status" = 0 ] || { echo "line $at ended with $status" >&2; newest=$(ls -t "$OUTPUT" | head -n 1); tail -n 30 "$OUTPUT/$newest" >&2; }
}
trap finish EXIT
expect() { [ "$1" = "$2" ] || { echo "line $at: want exit code $1, got $2" >&2; exit 1; }; }
has() { case "$1" in python-*) python3 -c "import \${1#python-}" 2> /dev/null ;; *) command -v "$1" > /dev/null ;; esac; }
# As Ctrl-C in a terminal reaches it: a process group of its own.
terminal() {
  : > "$1"
  set -m; bash -euo pipefail -c "$(cat)" >> "$1" 2>&1 & terminals+=($!); set +m
  for _ in $(seq 300); do
    if grep -q "^Ctrl-C ends" "$1"; then return; fi
    kill -0 "\${terminals[-1]}" 2> /dev/null || return 1
    sleep 0.2
  done
  return 1
}
`;

/** The program itself, since npx takes as long again to find it, for every command. */
export const QUICK_NPX = `
npx() { if [ "$1" = bristlecone ]; then shift; node "$PROGRAM" "$@"; else command npx "$@"; fi; }
export -f npx
`;

/** Whether output is what a document shows: line by line, \`…\` for any text in a line, and alone for any lines. */
export function patternOf(shown: string): RegExp {
  const lines = shown.split("\n").map((line) => {
    if (line.trim() === "…") return "(?:.*\\n)*?";
    return `${line.split("…").map(escapeRegExp).join(".*")} *(?:\\n|$)`;
  });
  return new RegExp(`(?:^|\\n)${lines.join("")}`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
