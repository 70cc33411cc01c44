import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import { environmentName, flagName, isSettingName, SETTINGS, type SettingName } from "../settings.ts";

/**
 * Reads every setting of a command before it makes a file: a mistake in one must not leave a key or a directory of another name.
 * @throws {TlogError} CONFIG_INVALID
 */
export function assertSettings(config: Config, names: readonly SettingName[]): void {
  for (const name of names) config.value(name);
  assertMeant(config, names);
}

/**
 * Refuses what is set under the name of a flag that means another setting here: `--policy` of `serve` is `witnessPolicy`, while
 * `policy` in the environment or a file says whom a client believes. Passed over, it would start a log without witnesses.
 */
function assertMeant(config: Config, names: readonly SettingName[]): void {
  for (const name of names) {
    const other = SETTINGS[name].flag;
    if (other === undefined || !isSettingName(other) || config.source(name) !== undefined) continue;
    const source = config.source(other);
    if (source === undefined) continue;
    throw new TlogError(
      "CONFIG_INVALID",
      `${source} is for commands that talk to a log; here want ${flagName(name)}, ${environmentName(name)} or "${name}" in a file, or none of them`,
    );
  }
}
