import { TlogError } from "../errors.ts";
import { addExamples, addSettings, type Call, type CommandDefinition } from "./command.ts";
import { changeLog, DATA_WORDS, withWitnessDirectory } from "./witness-directory.ts";

/** `witness disable`: the witness cosigns for a log no more, and keeps what it has. */
export const witnessDisable: CommandDefinition = switchCommand("disable", true);

/** `witness enable`: takes `witness disable` back. */
export const witnessEnable: CommandDefinition = switchCommand("enable", false);

function switchCommand(word: string, isDisabled: boolean): CommandDefinition {
  return {
    define(command) {
      command.argument("<origin>", "what the log's checkpoints start with");
      addSettings(command, ["data", "witnessedLogs"], {
        data: DATA_WORDS,
        witnessedLogs: "'VKEY [URL…]': the log, as the witness's own --log has it, where no file has it yet",
      });
      addExamples(command, [
        `bristlecone witness ${word} example.com/log --data ./witness`,
        `bristlecone witness ${word} example.com/log --log 'VKEY URL' --data ./witness`,
      ]);
    },
    run: (call) => switchLog(call, isDisabled),
  };
}

async function switchLog({ args, output, config }: Call, isDisabled: boolean): Promise<void> {
  const origin = args[0] ?? "";
  const frozenBy = await withWitnessDirectory(await config(), async (directory) => {
    const origins = (await directory.reader?.origins()) ?? [];
    await changeLog(directory, origin, (known) => {
      if (known !== undefined) return { ...known, isDisabled };
      const isStored = origins.includes(origin);
      const way = isStored ? ", but it cosigned for it: give the --log it was started with here too" : "";
      throw new TlogError("LOG_UNKNOWN", `${origin} is no log in the files of ${directory.path}${way}`);
    });
    const evidence = (await directory.reader?.evidence(origin)) ?? [];
    return evidence.find(({ convictsLog }) => convictsLog)?.id;
  });
  await output.result({
    text: `${origin} is ${isDisabled ? "disabled: it is not cosigned for" : "enabled"}`,
    json: { origin, disabled: isDisabled },
  });
  if (!isDisabled && frozenBy !== undefined) {
    output.notice(`evidence ${frozenBy} shows that the log forked: it is cosigned no more, enabled or not`);
  }
}
