/** {"ci":20852163,"pager":{"treeSize":20852163,"told":"9f86d081884c7d65"}}: how far each webhook was told, by its name. */
import { TlogError } from "../errors.ts";

/** How far a receiver knows a log. */
export interface Place {
  readonly treeSize: number;
  /** Which checkpoint of that size it was told. Undefined for who is told entries. */
  readonly told?: string | undefined;
}

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
  readonly #places: Map<string, Place>; // owned by set()
  #writing: Promise<void> = Promise.resolve(); // owned by set()

  private constructor(file: PlacesFile, places: Map<string, Place>) {
    this.#file = file;
    this.#places = places;
  }

  /** @throws {TlogError} CONFIG_INVALID, and as the file */
  static async open(file: PlacesFile): Promise<Places> {
    const text = await file.read();
    return new Places(file, text === undefined ? new Map() : parsePlaces(text));
  }

  get(name: string): Place | undefined {
    return this.#places.get(name);
  }

  /** Resolves when it is durable; one write carries all that is set meanwhile. */
  set(name: string, place: Place): Promise<void> {
    this.#places.set(name, place);
    const write = () => this.#file.replace(formatPlaces(this.#places));
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }
}

function formatPlaces(places: ReadonlyMap<string, Place>): string {
  const said = [...places].map(([name, { treeSize, told }]) => [
    name,
    told === undefined ? treeSize : { treeSize, told },
  ]);
  return `${JSON.stringify(Object.fromEntries(said))}\n`;
}

function parsePlaces(text: string): Map<string, Place> {
  const said = jsonOf(text);
  if (typeof said !== "object" || said === null || Array.isArray(said)) throw notPlaces();
  return new Map(Object.entries(said).map(([name, place]) => [name, parsePlace(place)] as const));
}

function parsePlace(said: unknown): Place {
  if (isSize(said)) return { treeSize: said };
  if (typeof said !== "object" || said === null || !("treeSize" in said) || !("told" in said)) {
    throw notPlaces();
  }
  const { treeSize, told } = said;
  if (isSize(treeSize) && typeof told === "string" && TAG.test(told)) return { treeSize, told };
  throw notPlaces();
}

const TAG = /^[0-9a-f]{16}$/;

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notPlaces(error);
  }
}

function notPlaces(cause?: unknown): TlogError {
  return new TlogError(
    "CONFIG_INVALID",
    "want what webhooks were told, as a log wrote it: put a copy back, or move it away and each begins at its `from`, or with what is new",
    { cause },
  );
}
