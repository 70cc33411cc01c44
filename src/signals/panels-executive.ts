/** For who pays for the log. */
import { OBJECTIVES, shareOfGood } from "./objectives.ts";
import { type Dashboard, one, PICK, plain, rate } from "./panel.ts";

const good = (id: string) =>
  OBJECTIVES.filter((objective) => objective.id === id).flatMap((objective) =>
    one(shareOfGood(objective, PICK), "{{instance}}"),
  );

export const EXECUTIVE: Dashboard = {
  id: "executive",
  title: "Bristlecone: executive",
  panels: [
    {
      title: "Entries",
      text: "In the tree that readers see.",
      kind: "number",
      unit: "short",
      series: plain("bristlecone_log_tree_size", "{{instance}}", ',stage="published"'),
    },
    {
      title: "Adds that succeeded",
      text: "Of the last 30 days of this range's end; the goal is 99.9 %.",
      kind: "number",
      unit: "percentunit",
      series: good("add_errors"),
    },
    {
      title: "Adds within a second",
      text: "The goal is 99 %.",
      kind: "number",
      unit: "percentunit",
      series: good("add_slow"),
    },
    {
      title: "Reads that succeeded",
      text: "The goal is 99.9 %.",
      kind: "number",
      unit: "percentunit",
      series: good("read_errors"),
    },
    {
      title: "Quorum margin",
      text: "So many more witnesses may fail; -1: there is no quorum.",
      kind: "number",
      unit: "short",
      series: plain("bristlecone_log_quorum_margin", "{{instance}}"),
    },
    {
      title: "Days of storage left",
      text: "At the pace of the last day.",
      kind: "number",
      unit: "d",
      series: one(`bristlecone:storage_seconds_left{${PICK}} / 86400`, "{{instance}}"),
    },
    {
      title: "Last whole scrub",
      text: "When all bytes were last found right.",
      kind: "number",
      unit: "dateTimeFromNow",
      series: one(`(bristlecone_log_scrub_last_pass_timestamp_seconds{${PICK}} > 0) * 1000`, "{{instance}}"),
    },
    {
      title: "First scrub of this copy",
      text: "When it began; until it has ended nothing is known of all bytes.",
      kind: "number",
      unit: "dateTimeFromNow",
      series: one(`bristlecone_log_scrub_began_timestamp_seconds{${PICK}} * 1000`, "{{instance}}"),
    },
    {
      title: "Age of the keys",
      text: "Since their files were written.",
      kind: "number",
      unit: "s",
      series: one(`time() - bristlecone_log_key_since_timestamp_seconds{${PICK}}`, "{{key}}"),
    },
    {
      title: "Entries a second",
      text: "New ones, and those the log had already.",
      unit: "reqps",
      series: [
        ...one(rate("bristlecone_log_entries_total", "instance"), "new {{instance}}"),
        ...one(rate("bristlecone_log_duplicates_total", "instance"), "duplicates {{instance}}"),
      ],
    },
    {
      title: "Storage",
      text: "What the log takes, and what is free.",
      unit: "bytes",
      series: [
        ...plain("bristlecone_storage_bytes", "used {{instance}}"),
        ...plain("bristlecone_storage_free_bytes", "free {{instance}}"),
      ],
    },
    {
      title: "Witness: cosigned",
      text: "Checkpoints a second.",
      unit: "reqps",
      series: one(rate("bristlecone_witness_cosigned_total", "instance"), "{{instance}}"),
    },
    {
      title: "Which log and which witness",
      text: "By instance.",
      kind: "number",
      unit: "short",
      series: [
        ...plain("bristlecone_log_info", "{{origin}}"),
        ...plain("bristlecone_witness_info", "{{name}}"),
        ...plain("bristlecone_build_info", "{{instance}} runs {{version}}"),
      ],
    },
  ],
};
