/** How the connection to Studio is, in words that need no manual. */

import type { Link } from "../api/types";
import { sentence } from "./notices";

export type Feel = "good" | "info" | "warn" | "bad" | "off";

export interface Said {
  word: string;
  feel: Feel;
  /** What is so, and what to do where something has to be done. */
  text: string;
}

/** `wait` is how many seconds are left until the next try, where there is one. */
export function describe(link: Link, wait: number | undefined): Said {
  const why = link.last_error ? `${sentence(link.last_error)} ` : "";
  switch (link.state) {
    case "online":
      return { word: "Connected", feel: "good", text: `${way(link)}.${link.fallback ? FALLBACK : ""}` };
    case "connecting":
      return { word: "Connecting", feel: "info", text: link.address ? `${way(link)}.` : "The connection is opened." };
    case "backoff":
      return { word: "Not connected", feel: "warn", text: `${why}${next(wait)} The show goes on.` };
    case "auth_failed":
      return { word: "Refused", feel: "bad", text: `${why}Look at this device in Studio, or pair it anew. ${next(wait)}` };
    case "revoked":
      return { word: "Removed", feel: "bad", text: REVOKED + (why && ` The reason: ${why.trim()}`) };
    case "unpaired":
      if (link.device_id !== null) {
        return { word: "Not usable", feel: "bad", text: `${why}Unpair the device and pair it anew.` };
      }
      return { word: "Not paired", feel: "off", text: UNPAIRED };
  }
}

const FALLBACK = " The first way is closed; it is tried again.";
const REVOKED = "Studio took away this device's access. Everything here works; pair it anew to connect it again.";
const UNPAIRED = "Everything here works without Studio. To be directed from there, ask Studio for a token for this serial.";

function way(link: Link): string {
  const [scheme = "", place = ""] = (link.address ?? "").split("://");
  return `By ${scheme === "mqtts" ? "MQTT" : "WebSocket"}, ${place}`;
}

function next(wait: number | undefined): string {
  return wait === undefined ? "It is tried again." : `Next try in ${Math.max(1, Math.ceil(wait))} s.`;
}
