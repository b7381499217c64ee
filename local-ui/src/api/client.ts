/** Asks the agent. Knows the one shape of a refusal, and that the agent may not be there. */

export interface Refusal {
  code: string;
  message: string;
  /** What the operator can do. */
  remediation: string;
  retryable: boolean;
  /** JSON pointer of what is at fault in the request. */
  field?: string;
}

/** The agent refused, or did not answer (`UNREACHABLE`). */
export class ApiError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
    this.name = "ApiError";
  }

  get unreachable(): boolean {
    return this.refusal.code === "UNREACHABLE";
  }
}

const UNREACHABLE: Refusal = {
  code: "UNREACHABLE",
  message: "The agent does not answer.",
  remediation: "The page keeps trying; if it stays, check that the agent runs.",
  retryable: true,
};

/** Reads the body of a refusal; whatever it holds, the operator gets a sentence. */
export function readRefusal(status: number, body: unknown): Refusal {
  const error = field(body, "error");
  const text = (name: string) => {
    const value = field(error, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const detail = field(body, "detail");
  const pointer = text("field");
  return {
    code: text("code") ?? `HTTP_${status}`,
    message: text("message") ?? (typeof detail === "string" ? detail : `The agent answered ${status}.`),
    remediation: text("remediation") ?? "Try again; if it stays, look at the agent's log.",
    retryable: field(error, "retryable") === true || status >= 500,
    ...(pointer === undefined ? {} : { field: pointer }),
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export interface Options {
  body?: unknown;
  /** Milliseconds. */
  timeout?: number;
  signal?: AbortSignal;
}

/** Sends one request and reads its JSON. Throws {@link ApiError}. */
export async function ask<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const timeout = AbortSignal.timeout(options.timeout ?? 10_000);
  const init: RequestInit = {
    method,
    signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    headers: { accept: "application/json" },
  };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(UNREACHABLE);
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(readRefusal(response.status, body));
  return body as T;
}

/** An id as one part of a path. */
export const part = (id: string): string => encodeURIComponent(id);
