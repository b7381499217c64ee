import { expect, it } from "vitest";
import type { Link } from "../api/types";
import { describe } from "./connection";

const link: Link = {
  serial: "VS-7K3M-Q2XR-9TBW",
  device_id: "dev-1",
  state: "online",
  address: "wss://studio.example:443",
  fallback: false,
  failures: 0,
  last_error: null,
  next_try_ms: null,
};
const text = (change: Partial<Link>, wait?: number) => describe({ ...link, ...change }, wait).text;

it("says how it is connected", () => {
  expect(text({})).toBe("By WebSocket, studio.example:443.");
  expect(text({ address: "mqtts://studio.example:8883" })).toBe("By MQTT, studio.example:8883.");
  expect(text({ fallback: true })).toContain("tried again");
  expect(describe(link, undefined).feel).toBe("good");
});

it("says why there is no connection, when the next try comes, and what to do", () => {
  const lost: Partial<Link> = { state: "backoff", last_error: "nobody answers at studio.example:443" };
  expect(text(lost, 4.2)).toBe("Nobody answers at studio.example:443. Next try in 5 s. The show goes on.");
  expect(text(lost, -3)).toContain("Next try in 1 s.");
  expect(text(lost)).toContain("It is tried again.");
  expect(text({ state: "auth_failed", last_error: "Studio refused the device" }, 9)).toContain("pair it anew");
  const gone = text({ state: "revoked", device_id: null, last_error: "the appliance was sold" });
  expect(gone).toContain("pair it anew");
  expect(gone).toContain("The appliance was sold.");
});

it("tells a device that is not paired from a pairing that cannot be used", () => {
  expect(text({ state: "unpaired", device_id: null })).toContain("token");
  expect(text({ state: "unpaired", last_error: "no address" })).toContain("Unpair the device");
});
