/** What the agent tells of trouble, and what the operator has seen of it. */

import { signal } from "@preact/signals";
import { ask, part } from "../api/client";
import type { Alert, AlertList } from "../api/types";
import { tellError } from "./notices";
import { type Poll, poll } from "./poll";

const EVERY = 2_000;

export const alerts = signal<Alert[]>([]);
let alertsPoll: Poll | undefined;

/** Begins to look. Called once. */
export function beginAlerts(): void {
  alertsPoll = poll({
    ask: (signal) => ask<AlertList>("GET", "/api/alerts", { signal, timeout: 4_000 }),
    take: (value) => {
      alerts.value = value.alerts;
    },
    // Silence is said by the status of the page.
    fail: () => undefined,
    every: EVERY,
  });
}

/** Says that an alert was seen; it stays open until what it is about is good. */
export async function acknowledge(id: string): Promise<void> {
  try {
    const seen = await ask<Alert>("POST", `/api/alerts/${part(id)}/acknowledge`, { body: {} });
    alerts.value = alerts.value.map((a) => (a.id === id ? seen : a));
  } catch (error) {
    tellError(error);
  }
  await alertsPoll?.now();
}
