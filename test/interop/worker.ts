/** Before each file of tests. */
import { endWithRun } from "./run-folder.ts";

endWithRun();
