/** Asks again and again, whatever happens: one request at a time, the next one a pause after the last ended. */

export interface Poll {
  /** Asks at once. Resolves when that answer, or its failure, was taken. */
  now(): Promise<void>;
  stop(): void;
}

export interface PollOptions<T> {
  ask: (signal: AbortSignal) => Promise<T>;
  take: (value: T) => void;
  /** `misses` counts failures in a row. */
  fail: (error: unknown, misses: number) => void;
  /** Milliseconds between an answer and the next request. */
  every: number;
}

export function poll<T>({ ask, take, fail, every }: PollOptions<T>): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let misses = 0;
  let asked = 0;
  let abort = new AbortController();
  let stopped = false;

  async function now(): Promise<void> {
    if (stopped) return;
    clearTimeout(timer);
    // An older answer must not overwrite a newer one.
    abort.abort();
    abort = new AbortController();
    const mine = ++asked;
    try {
      const value = await ask(abort.signal);
      if (mine !== asked || stopped) return;
      misses = 0;
      take(value);
    } catch (error) {
      if (mine !== asked || stopped) return;
      misses += 1;
      fail(error, misses);
    }
    timer = setTimeout(now, every);
  }

  void now();
  return {
    now,
    stop() {
      stopped = true;
      clearTimeout(timer);
      abort.abort();
    },
  };
}
