/** Whether the device is paired with Studio and how the connection is; pairs and unpairs it. */

import { signal } from "@preact/signals";
import { ApiError, ask, type Refusal } from "../api/client";
import type { Link, Message } from "../api/types";
import { sentence, tell, tellError } from "./notices";
import { type Poll, poll } from "./poll";

const EVERY = 2_000;
/** The exchange with Studio takes twenty seconds at most. */
const LIMIT = 30_000;

export const link = signal<Link | undefined>(undefined);
/** Seconds to the next try, as of the last look. */
export const wait = signal<number | undefined>(undefined);
export const pairing = signal(false);
/** Why the last try did not pair the device. */
export const refusal = signal<Refusal | undefined>(undefined);

let linkPoll: Poll | undefined;
/** Which wait it is, and when it ends. */
let waiting: { of: string; until: number } | undefined;

/** Begins to look. Called once. */
export function beginStudio(): void {
  linkPoll = poll({
    ask: (signal) => ask<Link>("GET", "/api/link", { signal, timeout: 4_000 }),
    take,
    // Silence is said by the status of the page.
    fail: () => undefined,
    every: EVERY,
  });
}

function take(value: Link): void {
  const of = `${value.state} ${value.failures} ${value.next_try_ms}`;
  if (value.next_try_ms === null) waiting = undefined;
  else if (waiting?.of !== of) waiting = { of, until: performance.now() + value.next_try_ms };
  wait.value = waiting && (waiting.until - performance.now()) / 1000;
  link.value = value;
}

export interface Draft {
  studio: string;
  token: string;
  /** Of a Studio with an authority of its own. */
  ca?: string;
}

/** True when the device is paired. */
export async function pair(draft: Draft): Promise<boolean> {
  return change("/api/pairing", draft, (error) => {
    if (error instanceof ApiError) refusal.value = error.refusal;
    else tellError(error);
  });
}

/** True when the device is not paired any more. */
export async function unpair(): Promise<boolean> {
  return change("/api/pairing/unpair", {}, tellError);
}

async function change(path: string, body: unknown, fail: (error: unknown) => void): Promise<boolean> {
  if (pairing.value) return false;
  pairing.value = true;
  refusal.value = undefined;
  try {
    const answer = await ask<Message>("POST", path, { body, timeout: LIMIT });
    tell({ kind: "done", message: sentence(answer.message) });
    return true;
  } catch (error) {
    fail(error);
    return false;
  } finally {
    await linkPoll?.now();
    pairing.value = false;
  }
}
