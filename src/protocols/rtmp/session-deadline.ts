import { ProtocolError } from "#faults/fault.ts";

/** Time for handshake, connect and publish together, in milliseconds. */
const PUBLISH_WITHIN_MS = 10_000;
/** A publishing connection without media for so long is given up, in milliseconds. */
const IDLE_MS = 30_000;
/** A publishing peer without media for so long is pinged once: an answer shows in a capture that only the media stopped. */
const PING_AFTER_MS = 10_000;

/** Times a session can be given. */
export interface SessionTimes {
  /** When the connection was made, in milliseconds of the monotonic clock. */
  readonly nowMs: number;
  /** Default {@link PUBLISH_WITHIN_MS}. */
  readonly publishWithinMs?: number;
  /** Default {@link IDLE_MS}. */
  readonly idleMs?: number;
}

/** How long a session may take and may be silent. */
export class SessionDeadline {
  readonly #publishWithinMs: number;
  readonly #idleMs: number;
  #atMs: number;
  #lastMediaMs: number;
  #publishing = false;
  #pinged = false;

  constructor({ nowMs, publishWithinMs, idleMs }: SessionTimes) {
    this.#publishWithinMs = publishWithinMs ?? PUBLISH_WITHIN_MS;
    this.#idleMs = idleMs ?? IDLE_MS;
    this.#atMs = nowMs + this.#publishWithinMs;
    this.#lastMediaMs = nowMs;
  }

  /** When {@link due} must be asked. */
  get atMs(): number {
    return this.#atMs;
  }

  /** The peer must publish from now on. */
  unpublished(nowMs: number): void {
    this.#publishing = false;
    this.#atMs = nowMs + this.#publishWithinMs;
  }

  /** Nothing is due before another call: the gate decides, or the session is over. */
  suspend(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  /** Media came, or may come from now on. */
  media(nowMs: number): void {
    this.#publishing = true;
    this.#pinged = false;
    this.#lastMediaMs = nowMs;
    this.#atMs = nowMs + Math.min(PING_AFTER_MS, this.#idleMs);
  }

  /** Says whether to ping now. @throws ProtocolError `RTMP_TIMEOUT`. */
  due(nowMs: number): boolean {
    if (nowMs < this.#atMs) return false;
    if (!this.#publishing) {
      throw new ProtocolError("RTMP_TIMEOUT", `no publication within ${this.#publishWithinMs / 1000} s`);
    }
    if (nowMs - this.#lastMediaMs >= this.#idleMs) {
      throw new ProtocolError("RTMP_TIMEOUT", `no media for ${this.#idleMs / 1000} s`, {
        hint: "Check the encoder and its uplink.",
      });
    }
    const ping = !this.#pinged;
    this.#pinged = true;
    this.#atMs = this.#lastMediaMs + this.#idleMs;
    return ping;
  }
}
