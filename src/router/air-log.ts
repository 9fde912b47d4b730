/**
 * Who was on air when, and why: the time line of a broadcast, in stretches that follow one another without a gap.
 *
 *   encoder 1 ─silent─▶ encoder 2 ─lost─▶ held picture ─▶ slate ─back─▶ encoder 3
 *
 * Times are those of the wall clock when the log began, carried on by the monotonic clock: a wall clock that is set while the broadcast runs
 * neither stretches nor reverses it. A broadcast that goes on in another process goes on with its time line: in between, its last picture was held.
 */
import type { EndReason } from "#link/record.ts";
import type { SessionRole } from "#media/publish.ts";

/** Stretches that a broadcast remembers; the oldest are forgotten first. */
export const AIR_STRETCHES_MAX = 300;

/** What viewers saw: an encoder's picture, the prepared picture, or the last picture held. */
export type AirSource = AirEncoder | { readonly kind: "slate" } | { readonly kind: "held" };

/** An encoder on air. */
export interface AirEncoder {
  readonly kind: "encoder";
  /** Its session's id in the stream's health. */
  readonly session: number;
  readonly role: SessionRole;
  readonly address: string;
  readonly protocol: string;
  /** What it calls itself; `null` where it says nothing. */
  readonly encoder: string | null;
}

/** Why what is on air changed. */
export const AIR_REASONS = [
  /** The broadcast's first picture. */
  "started",
  /** The encoder before delivered nothing any more, though it is connected. */
  "silent",
  /** Its connection broke. */
  "lost",
  /** It said goodbye. */
  "finished",
  /** It was thrown out. */
  "refused",
  /** It sent nothing that can be decoded. */
  "undecodable",
  /** It delivered too slowly. */
  "late",
  /** It delivered faster than time goes by. */
  "early",
  /** The stream prefers its primary encoder, which is steady again. */
  "primary-is-back",
  /** An operator chose it. */
  "by-hand",
  /** It came later, and the stream takes the one that comes last. */
  "replaced",
  /** Of two encoders that carry the same, the one that was called on air is gone; nothing is lost. */
  "merged-path-lost",
  /** An encoder delivers again. */
  "back",
  /** This server was stopped, or crashed, and started again. */
  "restarted",
] as const;

/** One of {@link AIR_REASONS}. */
export type AirReason = (typeof AIR_REASONS)[number];

/** Why a broadcast is over. */
export const AIR_ENDS = [
  "stopped",
  "grace-over",
  "removed",
  "shutdown",
  /** The process that it was on air in died, and it did not go on. */
  "crashed",
] as const;

/** One of {@link AIR_ENDS}. */
export type AirEnd = (typeof AIR_ENDS)[number];

/** One source's time on air; it lasts until the next one begins. */
export interface AirStretch {
  /** Milliseconds since the Unix epoch. */
  readonly fromMs: number;
  readonly source: AirSource;
  readonly why: AirReason;
}

/** A broadcast's time line as it stands. Times are milliseconds since the Unix epoch. */
export interface Airtime {
  /** Oldest first, never empty once the broadcast has begun. */
  readonly stretches: readonly AirStretch[];
  /** How many older stretches are no longer known. */
  readonly forgotten: number;
  /** Until when it goes, by the clock of the stretches: now, or the broadcast's end. */
  readonly untilMs: number;
  /** Why the broadcast ended; `null` while it lasts. */
  readonly endedWhy: AirEnd | null;
}

/** Writes the time line of one broadcast. `nowMs` is the monotonic clock's. */
export class AirLog {
  readonly #stretches: AirStretch[] = [];
  /** Wall clock less monotonic clock. */
  readonly #offsetMs: number;
  #forgotten = 0;
  #changes = 0;
  /** Session of the encoder that was on air last. */
  #session: number | undefined;
  #sessionMax = 0;
  #end: { readonly atMs: number; readonly why: EndReason } | undefined;

  /** @param start.before What another process left of the broadcast: the time line goes on from there. */
  constructor(start: { readonly nowMs: number; readonly wallMs: number; readonly before?: Airtime | undefined }) {
    const { nowMs, wallMs, before } = start;
    this.#offsetMs = Math.max(wallMs, before?.untilMs ?? 0) - nowMs;
    if (before === undefined) return;
    this.#forgotten = before.forgotten;
    for (const stretch of before.stretches) this.#push(stretch);
    this.#push({ fromMs: before.untilMs, source: { kind: "held" }, why: "restarted" });
  }

  get isEmpty(): boolean {
    return this.#stretches.length === 0;
  }

  /** Whether an encoder was on air. */
  get hadEncoder(): boolean {
    return this.#session !== undefined;
  }

  /** Highest id of a session that was on air; 0 where none was. */
  get sessionMax(): number {
    return this.#sessionMax;
  }

  /** How often what is on air has changed in this process. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * An encoder's picture is on air; does nothing where it was already. The first one has `started`, and one that follows itself is `back`,
   * whatever the reason given.
   */
  encoder(source: Omit<AirEncoder, "kind">, why: AirReason, nowMs: number): void {
    const last = this.#stretches.at(-1)?.source;
    if (last?.kind === "encoder" && last.session === source.session) return;
    const { session, role, address, protocol, encoder } = source;
    const reason = this.#session === undefined ? "started" : session === this.#session ? "back" : why;
    this.#add({ kind: "encoder", session, role, address, protocol, encoder }, reason, nowMs);
  }

  /** The prepared picture is on air; does nothing where it was already. Only the first stretch has `started`: others have the reason of the one before. */
  slate(why: AirReason, nowMs: number): void {
    const last = this.#stretches.at(-1);
    const reason = why === "started" ? (last?.why ?? why) : why;
    if (last?.source.kind !== "slate") this.#add({ kind: "slate" }, reason, nowMs);
  }

  /** The last picture is held; does nothing where it was already. */
  held(why: AirReason, nowMs: number): void {
    if (this.#stretches.at(-1)?.source.kind !== "held") this.#add({ kind: "held" }, why, nowMs);
  }

  /** The broadcast is over: what is said from then on is not heard. */
  ended(why: EndReason, nowMs: number): void {
    this.#end ??= { atMs: this.#wall(nowMs), why };
  }

  /** What is known, until `nowMs` or the end. */
  airtime(nowMs: number): Airtime {
    return {
      stretches: [...this.#stretches],
      forgotten: this.#forgotten,
      untilMs: this.#end?.atMs ?? this.#wall(nowMs),
      endedWhy: this.#end?.why ?? null,
    };
  }

  #add(source: AirSource, why: AirReason, nowMs: number): void {
    if (this.#end !== undefined) return;
    this.#changes++;
    this.#push({ fromMs: this.#wall(nowMs), source, why });
  }

  #push(stretch: AirStretch): void {
    const { source } = stretch;
    if (source.kind === "encoder") {
      this.#session = source.session;
      this.#sessionMax = Math.max(this.#sessionMax, source.session);
    }
    this.#stretches.push(stretch);
    if (this.#stretches.length <= AIR_STRETCHES_MAX) return;
    this.#stretches.shift();
    this.#forgotten++;
  }

  /** Never before the last stretch: what arrived before it may be told after it. */
  #wall(nowMs: number): number {
    return Math.max(this.#stretches.at(-1)?.fromMs ?? 0, Math.round(nowMs + this.#offsetMs));
  }
}
