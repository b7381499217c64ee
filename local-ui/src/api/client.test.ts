import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, ask, readRefusal } from "./client";

afterEach(() => vi.unstubAllGlobals());

const answer = (status: number, body: string) =>
  vi.stubGlobal("fetch", vi.fn(async () => new Response(body, { status })));

describe("a refusal", () => {
  it("keeps the agent's message and what to do", () => {
    const body = {
      error: { code: "NOT_IN_PREVIEW", message: "no preview runs", retryable: false, remediation: "Start it." },
      detail: "no preview runs",
    };
    expect(readRefusal(400, body)).toEqual(body.error);
  });

  it("names the field at fault", () => {
    const error = { code: "PAIR_TOKEN_EXPIRED", message: "m", retryable: false, remediation: "R.", field: "/token" };
    expect(readRefusal(422, { error, detail: "m" })).toEqual(error);
  });

  it("is a sentence whatever came back", () => {
    for (const body of [undefined, null, "text", 7, [], {}, { error: 3 }, { error: { code: 1, message: "" } }]) {
      const refusal = readRefusal(502, body);
      expect(refusal.code).toBe("HTTP_502");
      expect(refusal.message).not.toBe("");
      expect(refusal.remediation).not.toBe("");
      expect(refusal.retryable).toBe(true);
    }
    expect(readRefusal(404, { detail: "there is no timeline 7" }).message).toBe("there is no timeline 7");
  });
});

describe("asking", () => {
  it("gives the body", async () => {
    answer(200, '{"mode":"idle"}');
    expect(await ask("GET", "/api/preview/status")).toEqual({ mode: "idle" });
  });

  it("throws the refusal", async () => {
    answer(409, '{"error":{"code":"PREVIEW_ACTIVE","message":"a preview runs","remediation":"Stop it."}}');
    const error = await ask("POST", "/api/preview/start", { body: {} }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).refusal.code).toBe("PREVIEW_ACTIVE");
    expect((error as ApiError).unreachable).toBe(false);
  });

  it("says that nobody answers when the network fails", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("failed"))));
    const error = await ask("GET", "/api/cameras").catch((e: unknown) => e);
    expect((error as ApiError).unreachable).toBe(true);
  });
});
