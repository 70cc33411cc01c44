/** A process that attacks until its stdin ends: `attacker.ts NAME VICTIM`, VICTIM as JSON. */
import { ATTACKS, type Victim } from "./attacks.ts";

const [name, victim = "{}"] = process.argv.slice(2);
const attack = ATTACKS.find((one) => one.name === name);
const stop = new AbortController();
process.stdin.once("end", () => stop.abort()).resume();
const parsed: Victim = JSON.parse(victim);
let isReady = false;
const onReady = () => {
  if (!isReady) process.stdout.write("ready\n");
  isReady = true;
};
await attack?.run(parsed, { until: stop.signal, onReady });
process.exit(attack === undefined ? 2 : 0);
