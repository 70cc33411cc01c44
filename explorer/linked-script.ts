/** Modules as one classic script: what a page that has no other files can run. */

export interface ModuleFile {
  /** As the others import it, after "./". */
  readonly name: string;
  /** As esbuild writes it: imports first, one export clause at the end. */
  readonly text: string;
}

/** Longer than any name that a minifier makes. */
const ALL = "linkedModules";
const IMPORT = /\s*import(?:\{([^}]*)\}from)?"\.\/([\w.-]+)";/y;
const EXPORT = /export\{([^}]*)\};(\s*(?:\/\*[\s\S]*\*\/\s*)?)$/;
const IMPORT_AT_USE = /\bimport\("\.\/([\w.-]+)"\)/g;

/** @param files - each after those it imports; what is imported at first use may be missing, and then is not there. */
export function linkedScript(files: readonly ModuleFile[]): string {
  return `(()=>{"use strict";const ${ALL}={};\n${files.map(linked).join("\n")}\n})();`;
}

function linked({ name, text }: ModuleFile): string {
  const imports: string[] = [];
  let at = 0;
  IMPORT.lastIndex = 0;
  for (let found = IMPORT.exec(text); found !== null; found = IMPORT.exec(text)) {
    const [, names, from] = found;
    if (names !== undefined)
      imports.push(`const{${names.replaceAll(" as ", ":")}}=${ALL}[${JSON.stringify(from)}];`);
    at = IMPORT.lastIndex;
  }
  const body = text
    .slice(at)
    .replace(IMPORT_AT_USE, (_, from: string) => `Promise.resolve(${ALL}[${JSON.stringify(from)}])`)
    .replace(EXPORT, (_, names: string, rest: string) => `return{${names.split(",").map(exported)}};${rest}`);
  return `${ALL}[${JSON.stringify(name)}]=(()=>{${imports.join("")}${body}\n})();`;
}

/** "local as name" → "name:local" */
function exported(clause: string): string {
  const [local = "", name = local] = clause.split(" as ");
  return `${name}:${local}`;
}
