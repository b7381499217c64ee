import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { poll } from "./poll";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("goes on after failures and counts them in a row", async () => {
  const answers = [1, new Error("a"), new Error("b"), 4];
  const taken: number[] = [];
  const missed: number[] = [];
  const p = poll({
    ask: async () => {
      const next = answers.shift();
      if (next instanceof Error) throw next;
      return next ?? 0;
    },
    take: (value) => taken.push(value),
    fail: (_error, misses) => missed.push(misses),
    every: 2000,
  });
  await vi.advanceTimersByTimeAsync(6000);
  expect(taken).toEqual([1, 4]);
  expect(missed).toEqual([1, 2]);
  p.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(taken).toEqual([1, 4]);
});

it("never has two requests waiting, and drops an answer that was overtaken", async () => {
  const waiting: ((value: string) => void)[] = [];
  const taken: string[] = [];
  const p = poll({
    ask: () => new Promise<string>((resolve) => waiting.push(resolve)),
    take: (value) => taken.push(value),
    fail: () => undefined,
    every: 2000,
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(waiting).toHaveLength(1);
  void p.now();
  expect(waiting).toHaveLength(2);
  waiting[0]?.("old");
  waiting[1]?.("new");
  await vi.advanceTimersByTimeAsync(0);
  expect(taken).toEqual(["new"]);
  p.stop();
});
