import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../api/client";
import { dismiss, notices, sentence, tell, tellError } from "./notices";

beforeEach(() => {
  vi.useFakeTimers();
  notices.value = [];
});
afterEach(() => vi.useRealTimers());

it("keeps an error until it is closed and lets good news go", () => {
  tellError(new ApiError({ code: "BUSY", message: "working", remediation: "Wait.", retryable: true }));
  tell({ kind: "done", message: "Saved." });
  vi.advanceTimersByTime(60_000);
  expect(notices.value.map((n) => [n.message, n.remediation])).toEqual([["Working.", "Wait."]]);
  dismiss(notices.value[0]?.id ?? 0);
  expect(notices.value).toEqual([]);
});

it("does not say the same thing twice, nor fill the page", () => {
  for (let i = 0; i < 3; i++) tell({ kind: "error", message: "again" });
  expect(notices.value).toHaveLength(1);
  for (let i = 0; i < 20; i++) tell({ kind: "error", message: `fault ${i}` });
  expect(notices.value.length).toBeLessThanOrEqual(5);
});

it("makes sentences", () => {
  expect(["no preview runs", "Done!", ""].map(sentence)).toEqual(["No preview runs.", "Done!", "."]);
});
