/** Runs before and after each file that shares its process with others: what would reach the next file fails this one. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { runs } from "./runs.ts";

/** Of properties that name no number of their own. */
fc.configureGlobal({ numRuns: runs(100) });

/**
 * Mocks of modules last, or come too late for a module that another file has loaded; of a faked clock, something stays behind
 * after it is taken back, and servers of a later file waited for ever.
 */
const ONLY_ISOLATED = ["mock", "doMock", "unmock", "doUnmock", "resetModules", "useFakeTimers"] as const;

for (const name of ONLY_ISOLATED) {
  vi[name] = () => {
    throw new Error(`vi.${name} needs isolation: list this file in vitest.config.ts`);
  };
}

/** The HTTP adapter puts its own in their places when a server starts: every file starts from Node's. */
const OF_NODE = (["Request", "Response"] as const).map(
  (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
);

const { spyOn } = vi;
const spied: (readonly [object, PropertyKey])[] = [];
vi.spyOn = new Proxy(spyOn, {
  apply(target, self, args: Parameters<typeof spyOn>) {
    spied.push([args[0], args[1]]);
    return Reflect.apply(target, self, args);
  },
});

let before: ReturnType<typeof sharedState>;

beforeAll(() => {
  before = sharedState();
});

afterAll(() => {
  vi.spyOn = spyOn;
  for (const [name, descriptor] of OF_NODE) Object.defineProperty(globalThis, name, descriptor ?? {});
  const after = sharedState();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => !Object.is(before.get(name), after.get(name)),
  );
  const spies = spied.filter(([object, name]) => vi.isMockFunction(Reflect.get(object, name)));
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  const left = [...changed, ...spies.map(([, name]) => `a spy on ${String(name)}`)];
  expect(left.join(), "left changed: restore it, or list this file in vitest.config.ts").toBe("");
});

/** What every file of a process sees: the globals, where it runs and in what environment. */
function sharedState(): ReadonlyMap<string, unknown> {
  // Read, not described: Node fills in some of them at their first use. Libraries mark that they are loaded in names like "__zod_…".
  const globals = Object.getOwnPropertyNames(globalThis)
    .filter((name) => !name.startsWith("__"))
    .map((name) => [`globalThis.${name}`, Reflect.get(globalThis, name)] as const);
  const environment = Object.entries(process.env).map(
    ([name, value]) => [`process.env.${name}`, value] as const,
  );
  const { exitCode } = process;
  return new Map<string, unknown>([
    ...globals,
    ...environment,
    ["process.cwd()", process.cwd()],
    ["process.exitCode", exitCode],
  ]);
}
