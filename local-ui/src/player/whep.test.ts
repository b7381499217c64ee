import { expect, it } from "vitest";
import { sessionUrl } from "./whep";

it("finds the session however the server names it, and never leaves the page's own origin", () => {
  const endpoint = "/whep/program_rtc/whep";
  for (const [location, url] of [
    ["/whep/program_rtc/whep/abc", "/whep/program_rtc/whep/abc"],
    ["/program_rtc/whep/abc", "/whep/program_rtc/whep/abc"],
    ["abc", "/whep/program_rtc/whep/abc"],
    ["http://127.0.0.1:8889/program_rtc/whep/abc", "/whep/program_rtc/whep/abc"],
    ["https://evil.example/whep/x", "/whep/x"],
    [null, endpoint],
  ] as const) {
    expect(sessionUrl(endpoint, location)).toBe(url);
  }
});
