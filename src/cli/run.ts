import { Command, CommanderError } from "commander";
import type { Environment } from "../config.ts";
import { TlogError } from "../errors.ts";
import { packageVersion } from "../node/package-version.ts";
import type { Call, CommandDefinition, Flags } from "./command.ts";
import { COMMANDS, GROUPS } from "./commands.ts";
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
}

/** Runs one command line. @returns the exit code. */
export async function runCli(world: World): Promise<number> {
  const output = openOutput(world, { isJson: isJsonWanted(world.argv) });
  try {
    await openProgram(world, output).parseAsync(world.argv, { from: "user" });
    return 0;
  } catch (error) {
    return exitAfter(error, world.signal, output);
  } finally {
    output.progressLine("");
  }
}

function openProgram(world: World, output: Output): Command {
  const program = new Command("bristlecone")
    .description("A transparency log: append entries, keep receipts, verify them offline.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show the help")
    .helpCommand("help [command]", "show the help of a command")
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
  for (const [path, definition] of Object.entries(COMMANDS))
    addCommand(program, path, definition, world, output);
  return program;
}

const HELP_AFTER = `
Settings come from the flag, else BRISTLECONE_<NAME> in the environment, else the configuration file, else the default.

Exit codes: 0 good, 1 verification failed, 2 usage or configuration, 3 incomplete, 4 remote unreachable.`;

/** @param path - words of the command, such as "policy check". */
function addCommand(
  program: Command,
  path: string,
  definition: CommandDefinition,
  world: World,
  output: Output,
): void {
  let parent = program;
  const words = path.split(" ");
  for (const word of words.slice(0, -1)) {
    parent = parent.commands.find((command) => command.name() === word) ?? openGroup(parent, word);
  }
  const command = parent.command(words.at(-1) ?? path);
  definition.define(command);
  command.action(() => definition.run(openCall(command, world, output)));
}

function openGroup(parent: Command, word: string): Command {
  return parent.command(word).description(GROUPS[word] ?? "");
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
    async config() {
      const { openConfig } = await import("../config.ts");
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
  if (signal.aborted) {
    if (error instanceof TlogError) output.failure(error);
    return typeof signal.reason === "number" ? signal.reason : 130;
  }
  output.failure(error);
  return exitCodeOf(error);
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
