/** {"ci":20852163}: the tree size up to which each webhook was told, by its name. */
import { TlogError } from "../errors.ts";

/** Where what was told is written down. */
export interface PlacesFile {
  /** Undefined: there is none yet. */
  read(): Promise<string | undefined>;
  /** Durable when it resolves. */
  replace(text: string): Promise<void>;
}

/** Remembers over restarts how far each webhook was told. A place is written after it was reached: who is told again was told before. */
export class Places {
  readonly #file: PlacesFile;
  readonly #sizes: Map<string, number>; // owned by set()
  #writing: Promise<void> = Promise.resolve(); // owned by set()

  private constructor(file: PlacesFile, sizes: Map<string, number>) {
    this.#file = file;
    this.#sizes = sizes;
  }

  /** @throws {TlogError} CONFIG_INVALID, and as the file */
  static async open(file: PlacesFile): Promise<Places> {
    const text = await file.read();
    return new Places(file, text === undefined ? new Map() : parsePlaces(text));
  }

  get(name: string): number | undefined {
    return this.#sizes.get(name);
  }

  /** Resolves when it is durable; one write carries all that is set meanwhile. */
  set(name: string, treeSize: number): Promise<void> {
    this.#sizes.set(name, treeSize);
    const write = () => this.#file.replace(`${JSON.stringify(Object.fromEntries(this.#sizes))}\n`);
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }
}

function parsePlaces(text: string): Map<string, number> {
  const said = jsonOf(text);
  const places = typeof said === "object" && said !== null ? Object.entries(said) : undefined;
  const sizes = places?.flatMap(([name, size]) =>
    typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? [[name, size] as const] : [],
  );
  if (sizes !== undefined && sizes.length === places?.length) return new Map(sizes);
  throw new TlogError(
    "CONFIG_INVALID",
    "want what webhooks were told, as a log wrote it; without the file each begins with what is new",
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
