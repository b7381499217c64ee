/** What the agent answers, as `/api/openapi.json` describes it; only what the page uses. */

export type Mode = "idle" | "preview" | "live";
export type DestinationState = "idle" | "connecting" | "active" | "retrying" | "failed";
export type CameraState = "online" | "offline" | "unknown";

export interface Position {
  /** Seconds from the beginning of the round. */
  current_time: number;
  current_cue_id: string | null;
  /** From 0. */
  current_cue_index: number | null;
  loop_count: number;
  total_cues: number;
  updated_at: string;
}

export interface DestinationStatus {
  id: string;
  name: string;
  state: DestinationState;
  kbps: number;
  bytes: number;
  retries: number;
  last_error: string | null;
}

export interface ProgramStatus {
  uptime_s: number;
  frames: number;
  repeated: number;
  dropped: number;
  fps: number;
  kbps: number;
  encoder_restarts: number;
}

export interface EncoderStatus {
  name: string;
  preset: string | null;
  profile: string;
  size: string;
  why: string;
}

export interface InputStatus {
  name: string;
  camera_id: string | null;
  state: "fresh" | "held" | "lost" | "absent";
  last_error: string | null;
}

export interface PreviewStatus {
  is_active: boolean;
  mode: Mode;
  timeline_id: string | null;
  timeline_name: string | null;
  hls_url: string | null;
  whep_url: string | null;
  server_healthy: boolean;
  /** Why the program has no picture here, while it runs without the media server. */
  no_picture: { code: string; message: string; remediation: string } | null;
  paused: boolean;
  position: Position | null;
  destinations: DestinationStatus[];
  metrics: ProgramStatus | null;
  encoder: EncoderStatus | null;
  on_air: OnAir | null;
  inputs: InputStatus[];
  notices: AgentNotice[];
}

/** What the agent did by itself: a show that was resumed, a database that was set aside. */
export interface AgentNotice {
  code: string;
  severity: "info" | "warning" | "error";
  message: string;
  remediation: string;
  at: string;
}

/** What is on program, and why. */
export interface OnAir {
  wanted: string;
  shown: string;
  rung: "waiting" | "wanted" | "backup" | "pattern" | "last_picture";
  since: string;
  cause: string | null;
  test_pattern: boolean;
}

export interface Camera {
  id: string;
  name: string;
  type: "stationary" | "ptz";
  protocol: "rtsp" | "rtmp";
  address: string;
  port: number;
  is_active: boolean;
  status: CameraState;
}

export interface Destination {
  id: string;
  name: string;
  platform: string;
  rtmp_url: string;
  has_key: boolean;
  is_active: boolean;
  last_used: string | null;
  status: DestinationState;
}

export interface TimelineSummary {
  id: string;
  name: string;
  /** Seconds. */
  duration: number;
  loop: boolean;
  cues: number;
  revision: number;
}

export interface Cue {
  id: string;
  start_time: number;
  duration: number;
  action: string;
  params: Record<string, unknown>;
}

export interface Track {
  type: string;
  is_enabled?: boolean;
  cues: Cue[];
}

export interface Timeline extends Omit<TimelineSummary, "cues"> {
  tracks: Track[];
}

export interface Graphic {
  type: "lower_third" | "logo" | "text" | "image" | "dynamic_text";
  text?: string;
  image?: string;
  opacity: number;
}

export interface Overlay {
  cue_id: string;
  graphic: Graphic;
  layer: number | null;
  visible: boolean;
  /** At this moment, with fades; 0 when it is not on air. */
  opacity: number;
  remaining_s: number;
}

export interface OverlayEdit {
  text?: string;
  opacity?: number;
  visible?: boolean;
}

export interface Alert {
  id: string;
  code: string;
  severity: "info" | "warning" | "error" | "critical";
  message: string;
  cause: string;
  /** What the operator can do. */
  remediation: string;
  /** What follows from it. */
  consequences: string[];
  state: "open" | "recovering" | "cleared";
  raised_at: string;
  cleared_at: string | null;
  acknowledged_at: string | null;
}

export interface AlertList {
  /** The open ones first, the newest of each first. */
  alerts: Alert[];
  open: number;
}

/** How the link to Studio is. */
export interface Link {
  serial: string | null;
  /** Its id in Studio, while it is paired. */
  device_id: string | null;
  state: "unpaired" | "connecting" | "online" | "backoff" | "auth_failed" | "revoked";
  /** `wss://…` or `mqtts://…`. */
  address: string | null;
  /** Not by the first of the ways that pairing gave. */
  fallback: boolean;
  failures: number;
  last_error: string | null;
  /** Milliseconds to the next try, as it was chosen. */
  next_try_ms: number | null;
}

export interface GoneLive {
  message: string;
  destinations: string[];
  warning: string | null;
}

export interface Message {
  message: string;
}
