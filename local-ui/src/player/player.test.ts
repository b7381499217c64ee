import { expect, it } from "vitest";
import { backoff, nextVia } from "./player";

const urls = { whep: "/whep/program_rtc/whep", hls: "/hls/preview/index.m3u8" };

it("tries WebRTC twice, then both in turn", () => {
  const order = [0, 1, 2, 3, 4, 5].map((failures) => nextVia(failures, urls, true));
  expect(order).toEqual(["WebRTC", "WebRTC", "HLS", "WebRTC", "HLS", "WebRTC"]);
});

it("takes the way that there is", () => {
  expect(nextVia(0, urls, false)).toBe("HLS");
  expect(nextVia(0, { ...urls, whep: null }, true)).toBe("HLS");
  expect(nextVia(7, { ...urls, hls: null }, true)).toBe("WebRTC");
});

it("waits longer after each failure, up to 8 s", () => {
  expect([0, 1, 2, 3, 9].map(backoff)).toEqual([250, 500, 1000, 2000, 8000]);
});
