import type { Clock } from "./clock.ts";

/** 2026-01-01T00:00:00Z: where simulated wall time begins unless told otherwise. */
const SIMULATION_EPOCH_MS = 1_767_225_600_000;

interface Sleeper {
  atMs: number;
  resolve: () => void;
}

/** A clock that moves only when told to. Sleepers wake in order of their time. */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #sleepers: Sleeper[] = [];

  constructor(wallMs: number = SIMULATION_EPOCH_MS) {
    this.#wallOffsetMs = wallMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Steps the wall clock only, as an operator or NTP would. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper: Sleeper = { atMs: this.#nowMs + ms, resolve: wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Moves time forward by `ms`, waking every sleeper whose time has come, and lets their continuations run. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#sleepers.filter((s) => s.atMs <= targetMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.resolve();
      for (let i = 0; i < 8; i++) await Promise.resolve();
    }
    this.#nowMs = targetMs;
  }
}
