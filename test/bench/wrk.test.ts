import { describe, expect, it } from "vitest";
import { parseWrk } from "../../bench/peers/wrk.ts";

const TEXT = `Running 2s test @ http://127.0.0.1:7125
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    13.91ms    2.81ms  35.30ms   82.42%
    Req/Sec     4.62k   396.01     5.02k    80.00%
  Latency Distribution
     50%  500.00us
     75%   14.95ms
     90%   16.48ms
     99%    1.20s 
  9225 requests in 2.01s, 75.44MB read
Requests/sec:   4589.91
Transfer/sec:     37.54MB
`;

describe("what wrk says", () => {
  it("is a rate, and times in one unit", () => {
    expect(parseWrk(TEXT)).toEqual({ perSecond: 4589.91, p50Ms: 0.5, p99Ms: 1200, failures: 0 });
  });

  it("is also what failed", () => {
    const failed = `  Socket errors: connect 1, read 2, write 0, timeout 4\n  Non-2xx or 3xx responses: 10\n${TEXT}`;
    expect(parseWrk(failed).failures).toBe(17);
  });

  it.each(["Requests/sec:", " 99%"])("is refused without %s", (missing) => {
    expect(() => parseWrk(TEXT.replace(missing, "?"))).toThrow("wrk: no ");
  });
});
