import { describe, expect, test } from "vitest";
import { preferredType, preferredWaitSeconds, prefersGzip } from "../../src/http/negotiate.ts";

const OFFERS = ["text/plain", "application/json", "text/x.tlog.proof"] as const;

test.each([
  [undefined, "text/plain"],
  ["*/*", "text/plain"],
  ["text/*", "text/plain"],
  ["application/*", "application/json"],
  ["application/json", "application/json"],
  ["APPLICATION/JSON; charset=utf-8", "application/json"],
  ["application/json, text/plain, */*", "application/json"],
  ["text/plain, application/json", "text/plain"],
  ["text/x.tlog.proof, */*", "text/x.tlog.proof"],
  ["*/*, text/x.tlog.proof", "text/x.tlog.proof"],
  ["text/x.tlog.proof;q=0.1, application/json;q=0.2", "application/json"],
  ["text/x.tlog.proof;q=0, */*;q=0.1", "text/plain"],
  ["text/plain;q=0, */*", "application/json"],
  ["image/png", "text/plain"],
  ["", "text/plain"],
  ["application/json;q=0", "text/plain"],
])("Accept: %s gets %s", (accept, type) => {
  expect(preferredType(accept, OFFERS)).toBe(type);
});

describe("prefersGzip", () => {
  test.each([
    "gzip",
    "gzip, identity",
    "*",
    "deflate, gzip;q=0.001",
    "x-gzip",
    "gzip;q=1.000",
    "br;q=1, gzip ; q=0.2",
  ])("%s: yes", (value) => {
    expect(prefersGzip(value)).toBe(true);
  });
  test.each([null, "", "identity", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "identity, gzip;q=0.9", "gzipped"])(
    "%s: no",
    (value) => {
      expect(prefersGzip(value)).toBe(false);
    },
  );
});

test.each([
  ["wait=10", 10],
  ["respond-async, wait=5", 5],
  ['Wait = "7"; foo', 7],
  ["wait=0", 0],
  ["wait=1, wait=2", 1],
  [undefined, undefined],
  ["", undefined],
  ["wait", undefined],
  ["wait=-1", undefined],
  ["wait=1.5", undefined],
  ["wait=ten", undefined],
  ["await=10", undefined],
  ["wait=99999999999", undefined],
])("Prefer: %s waits %s seconds", (prefer, seconds) => {
  expect(preferredWaitSeconds(prefer)).toBe(seconds);
});
