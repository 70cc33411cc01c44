import { storedStatus } from "../monitor/status.ts";
import { readMonitorStates } from "../node/monitor-files.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { statusTable } from "./monitor-report.ts";
import { monitorStateOf, readMonitorConfig } from "./monitor-setup.ts";

/** `monitor status`: what a monitor has seen, from what it wrote down; it may be running. */
export const monitorStatus: CommandDefinition = {
  define(command) {
    command.argument("[file]", "the monitor's file, where it says where the state is");
    addSettings(command, ["state"], {
      state: "where the monitor keeps its state (default: monitor in the XDG state directory's bristlecone)",
    });
    addExamples(command, ["bristlecone monitor status", "bristlecone monitor status monitor.json --json"]);
  },
  async run(call) {
    const [file] = call.args;
    const named =
      file === undefined ? undefined : { path: file, state: (await readMonitorConfig(file)).state };
    const directory = await monitorStateOf(call, named);
    const logs = (await readMonitorStates(directory)).map(storedStatus);
    await call.output.result({ text: statusTable(logs), json: { state: directory, logs } });
  },
};
