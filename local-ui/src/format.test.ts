import { expect, it } from "vitest";
import { bitrate, clock, count, since, spokenTime } from "./format";

it("writes times as a clock", () => {
  expect([0, 5.9, 65, 3600, 3725.2, -3, Number.NaN].map(clock)).toEqual([
    "0:00", "0:05", "1:05", "1:00:00", "1:02:05", "0:00", "0:00",
  ]);
});

it("says times in words", () => {
  expect([0, 1, 65, 3602].map(spokenTime)).toEqual([
    "0 seconds", "1 second", "1 minute 5 seconds", "1 hour 2 seconds",
  ]);
});

it("writes bit rates and counts", () => {
  expect([0, 850, 4500].map(bitrate)).toEqual(["0 kb/s", "850 kb/s", "4.5 Mb/s"]);
  expect([count(1, "cue"), count(0, "cue"), count(2, "entry", "entries")]).toEqual(["1 cue", "0 cues", "2 entries"]);
});

it("says the day only where it is another", () => {
  const now = new Date(2026, 10, 21, 15, 0);
  expect(since(new Date(2026, 10, 21, 9, 5).toISOString(), now)).toBe("09:05");
  expect(since(new Date(2026, 10, 20, 23, 59).toISOString(), now)).toBe("20 Nov, 23:59");
  expect(since("nonsense", now)).toBe("nonsense");
});
