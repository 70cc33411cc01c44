import { Command, CommanderError } from "commander";
import { LogForkedError } from "../../client/errors.ts";
import { type Environment, openConfig } from "../config.ts";
import { TlogError } from "../errors.ts";
import { packageVersion } from "../node/package-version.ts";
import type { Call, CommandDefinition, Flags, Verbosity } from "./command.ts";
import { COMMANDS, type CommandEntry, GROUPS } from "./commands.ts";
import { exitCodeOf } from "./exit-code.ts";
import { type Output, openOutput, type TextStream } from "./output.ts";

/** What the program touches of the outside, so that tests can stand in for it. */
export interface World {
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** Defaults to process.env. */
  readonly environment?: Environment;
  /** Aborted with an exit code as its reason when the program should end. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Default: as the settings say. */
  readonly verbosity?: Verbosity;
}

/** Runs one command line. @returns the exit code. */
export async function runCli(world: World): Promise<number> {
  const output = openOutput(world, { isJson: isJsonWanted(world.argv) });
  try {
    await openProgram(world, output).parseAsync(argvOf(world), { from: "user" });
    return 0;
  } catch (error) {
    return exitAfter(error, world.signal, output);
  } finally {
    output.progressLine("");
    await output.end();
  }
}

/** Reports a failure outside any command, as a command's is. @returns the exit code. */
export function failCli(world: Pick<World, "argv" | "stdout" | "stderr">, error: TlogError): number {
  openOutput(world, { isJson: isJsonWanted(world.argv) }).failure(error);
  return exitCodeOf(error);
}

function openProgram(world: World, output: Output): Command {
  const program = new Command("bristlecone")
    .description("A transparency log: append entries, keep receipts, verify them offline.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show the help, also of a command")
    .helpCommand(false) // it would show commands before they are loaded; see argvOf()
    .option("--json", "print JSON: one document, or one a line; errors as JSON on stderr")
    .option("--config <FILE>", "settings as JSON (default: ./bristlecone.json when it is there)")
    .addHelpText("after", HELP_AFTER)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
      outputError: () => {}, // exitAfter() prints it
    })
    .exitOverride();
  for (const [path, entry] of Object.entries(COMMANDS)) addCommand(program, path, { entry, world, output });
  return program;
}

const HELP_AFTER = `
Settings come from the flag, else BRISTLECONE_<NAME> (or what stands in brackets) in the environment, else the configuration
file, else the default.
A ./bristlecone.json that is not named by --config or BRISTLECONE_CONFIG may say how to run a log; it may not say what a
client trusts, remembers or talks to (log, vkey, policy, tokenFile, state, memory).

Exit codes: 0 good, 1 verification failed, 2 usage or configuration, 3 incomplete, 4 remote unreachable,
5 a monitor found what it was asked to find.`;

interface Registration {
  readonly entry: CommandEntry;
  readonly world: World;
  readonly output: Output;
}

/**
 * Adds a command as an empty shell, filled when it is called: starting any command loads no other. One that is also the first
 * word of others, as "witness" is of "witness logs", comes before them in the table.
 * @param path - the words that call it, such as "policy check".
 */
function addCommand(program: Command, path: string, { entry, world, output }: Registration): void {
  const words = path.split(" ");
  const parent = words.slice(0, -1).reduce(openGroup, program);
  const command = parent
    .command(words.at(-1) ?? path)
    .description(entry.summary)
    .helpCommand(false);
  parent.hook("preSubcommand", async (_parent, called) => {
    // Its options, were they there, would take those of the subcommand.
    if (called !== command || isSubcommandCalled(command, words, argvOf(world))) return;
    const definition = await entry.load();
    definition.define(command);
    command.action(() => runDefinition(definition, openCall(command, world, output)));
  });
}

/** Whether a subcommand's name follows the words of a command; options of the program may stand anywhere. */
function isSubcommandCalled(command: Command, words: readonly string[], argv: readonly string[]): boolean {
  const rest = argv.filter(
    (word, index) => word !== "--json" && !word.startsWith("--config") && argv[index - 1] !== "--config",
  );
  return (
    words.every((word, index) => rest[index] === word) &&
    command.commands.some((subcommand) => subcommand.name() === rest[words.length])
  );
}

async function runDefinition(definition: CommandDefinition, call: Call): Promise<void> {
  try {
    await definition.run(call);
  } catch (error) {
    if (error instanceof LogForkedError) {
      const { keepForkEvidence } = await import("./fork-evidence.ts");
      await keepForkEvidence(call, error);
    }
    if (error instanceof TlogError && error.code === "KEY_HISTORY_FORKED") {
      const { keepKeyHistories } = await import("./fork-evidence.ts");
      await keepKeyHistories(call, error);
    }
    throw error;
  }
}

function openGroup(parent: Command, word: string): Command {
  const known = parent.commands.find((command) => command.name() === word);
  return (
    known ??
    parent
      .command(word)
      .description(GROUPS[word] ?? "")
      .helpCommand(false)
  );
}

/** "help add" is "add --help". */
function argvOf({ argv }: World): readonly string[] {
  const [first, ...rest] = argv;
  return first === "help" ? [...rest, "--help"] : argv;
}

function openCall(command: Command, world: World, output: Output): Call {
  const flags = givenFlags(command);
  return {
    args: command.args,
    flags,
    output,
    stdin: world.stdin,
    signal: world.signal,
    now: world.now,
    verbosity: world.verbosity,
    async config() {
      const configFile = typeof flags.config === "string" ? flags.config : undefined;
      const { environment } = world;
      return openConfig({ flags, configFile, ...(environment && { environment }) });
    },
  };
}

/** Only what stood on the command line: commander's own defaults would hide the environment and the file. */
function givenFlags(command: Command): Flags {
  const all: Flags = command.optsWithGlobals();
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => command.getOptionValueSourceWithGlobals(name) === "cli"),
  );
}

function exitAfter(error: unknown, signal: AbortSignal, output: Output): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // --help and --version
    // With no command at all, commander has printed the help.
    if (error.code !== "commander.help") output.failure(usageError(error));
    return 2;
  }
  const exitCode = exitCodeOf(error);
  // An interrupt explains any other failure, but not that something failed to verify.
  if (signal.aborted && exitCode !== 1) {
    if (error instanceof TlogError) output.failure(error);
    return typeof signal.reason === "number" ? signal.reason : 130;
  }
  output.failure(error);
  return exitCode;
}

function usageError(error: CommanderError): TlogError {
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return new TlogError("USAGE", `${message}; see --help`);
}

/** Before anything is parsed, because a mistake in the arguments is to be printed as JSON too. */
function isJsonWanted(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json");
}
