/**
 * From an encoder's stamps to stream time: `T = stamp + offset`, with one offset for all tracks of a session so that lips stay in sync.
 * Each frame is compared with where its track was expected to go on:
 *
 *   near, or late by as much as it arrived late, or where another track is ─▶ placed as stamped
 *   where another track has just been moved to                            ─▶ this track moves along
 *   anywhere else                                                         ─▶ held: the next frame of the track decides
 *        next agrees with it, and another track is there ─▶ a hole after all: placed as stamped
 *        next agrees with it                             ─▶ the encoder's clock jumped: all tracks get a new offset, stream time goes on
 *        next agrees with the old line                   ─▶ that one stamp was corrupt: it is placed where it was expected
 *
 * No frame is ever lost here, and stream time never goes back further than jitter.
 */

/** Jitter that is taken as it comes, microseconds; two frames where those are longer. */
const JITTER_MICROS = 100_000;
/** Longest gap that is believed when the arrival times confirm it, microseconds. */
const GAP_MICROS_MAX = 10_000_000;
/** How well the arrival must agree with a gap at most, microseconds; also how far apart tracks may be. */
const AGREEMENT_MICROS = 1_000_000;
/** How near another track must be to confirm a gap, microseconds. */
const CONFIRMATION_MICROS = 250_000;

/** A frame on its way: `payload` is whatever the caller wants back with its place. */
export interface Arrival<Payload> {
  readonly payload: Payload;
  /** Unwrapped stamp, milliseconds. */
  readonly stampMs: number;
  /** Expected duration, microseconds. */
  readonly durationMicros: number;
  readonly nowMs: number;
}

/** A frame with its decode time in stream time. */
export interface Placed<Payload> {
  readonly payload: Payload;
  readonly micros: number;
  readonly nowMs: number;
}

/** One track's position. */
interface Line<Payload> {
  offset: number;
  /** Where the next frame should be; `undefined` before the first. */
  expected: number | undefined;
  last: number;
  arrivedMs: number;
  suspect: Arrival<Payload> | undefined;
}

/** What went on, for the dashboard. */
export interface ClockCounters {
  /** Stamps that went back within jitter. */
  clamped: number;
  /** Single corrupt stamps that were replaced. */
  interpolated: number;
  /** Times the encoder's clock jumped. */
  jumps: number;
}

/** The clock of one encoder session. */
export class SessionClock<Key, Payload> {
  readonly #lines = new Map<Key, Line<Payload>>();
  #offset: number;
  readonly #counters: ClockCounters;
  readonly #landing: (nowMs: number) => number;

  /**
   * @param options.offset stream time minus stamp, microseconds, of the first anchor.
   * @param options.landing where stream time goes on after a jump, microseconds: never before anything issued.
   */
  constructor(options: { offset: number; counters: ClockCounters; landing: (nowMs: number) => number }) {
    this.#offset = options.offset;
    this.#counters = options.counters;
    this.#landing = options.landing;
  }

  /** Moves everything that comes from now on later by `micros`. */
  shift(micros: number): void {
    this.#offset += micros;
    for (const line of this.#lines.values()) {
      line.offset += micros;
      if (line.expected !== undefined) line.expected += micros;
      line.last += micros;
    }
  }

  /** Places a frame. Appends to `out` what is decided: nothing while it is held, two frames when it decides over the one before. */
  place(key: Key, arrival: Arrival<Payload>, out: Placed<Payload>[]): void {
    const line = this.#line(key);
    const suspect = line.suspect;
    if (suspect !== undefined) {
      this.#resolve(line, suspect, arrival, out);
      return;
    }
    const micros = this.#judge(line, arrival);
    if (micros === undefined) line.suspect = arrival;
    else this.#accept(line, arrival, micros, out);
  }

  /** The session is over: what is held is placed where it was expected. */
  flush(out: Placed<Payload>[]): void {
    for (const line of this.#lines.values()) {
      const { suspect } = line;
      if (suspect === undefined) continue;
      line.suspect = undefined;
      this.#interpolate(line, suspect, out);
    }
  }

  #line(key: Key): Line<Payload> {
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = {
        offset: this.#offset,
        expected: undefined,
        last: Number.NEGATIVE_INFINITY,
        arrivedMs: 0,
        suspect: undefined,
      };
      this.#lines.set(key, line);
    }
    return line;
  }

  /** Stream time of a frame that can be trusted, `undefined` for a suspect. */
  #judge(line: Line<Payload>, arrival: Arrival<Payload>): number | undefined {
    const micros = arrival.stampMs * 1000 + line.offset;
    const expected = line.expected ?? this.#elsewhere(line);
    if (expected === undefined) return micros;
    const tolerance =
      line.expected === undefined ? AGREEMENT_MICROS : Math.max(JITTER_MICROS, 2 * arrival.durationMicros);
    const delta = micros - expected;
    if (Math.abs(delta) <= tolerance) return micros;
    if (delta > 0 && delta <= GAP_MICROS_MAX && line.expected !== undefined) {
      // A short gap needs a closer witness than a second: a stamp that is wrong by half a second came on time.
      const agreement = Math.min(AGREEMENT_MICROS, Math.max(JITTER_MICROS, delta / 2));
      const arrivalGap = (arrival.nowMs - line.arrivedMs) * 1000;
      if (Math.abs(micros - line.last - arrivalGap) <= agreement || this.#confirms(line, micros)) return micros;
    }
    return this.#follow(line, arrival, expected);
  }

  /** Where the other tracks are, for a track that has no position of its own yet. */
  #elsewhere(line: Line<Payload>): number | undefined {
    for (const other of this.#lines.values()) if (other !== line && other.expected !== undefined) return other.expected;
    return undefined;
  }

  /** Another track has come to that time, so it is no invention of this one. */
  #confirms(line: Line<Payload>, micros: number): boolean {
    for (const other of this.#lines.values()) {
      if (other !== line && other.expected !== undefined && Math.abs(other.last - micros) <= CONFIRMATION_MICROS)
        return true;
    }
    return false;
  }

  /** Another track has been moved to a new offset and this frame fits there. */
  #follow(line: Line<Payload>, arrival: Arrival<Payload>, expected: number): number | undefined {
    if (line.offset === this.#offset) return undefined;
    const micros = arrival.stampMs * 1000 + this.#offset;
    if (Math.abs(micros - expected) > AGREEMENT_MICROS) return undefined;
    line.offset = this.#offset;
    return micros;
  }

  #resolve(line: Line<Payload>, suspect: Arrival<Payload>, arrival: Arrival<Payload>, out: Placed<Payload>[]): void {
    line.suspect = undefined;
    const step = (arrival.stampMs - suspect.stampMs) * 1000;
    const tolerance = Math.max(JITTER_MICROS, 2 * suspect.durationMicros);
    if (step > 0 && Math.abs(step - suspect.durationMicros) <= tolerance) {
      const followed = this.#follow(line, suspect, line.expected ?? 0);
      const delta = suspect.stampMs * 1000 + line.offset - (line.expected ?? Number.POSITIVE_INFINITY);
      const isGap = delta > 0 && delta <= GAP_MICROS_MAX && this.#confirms(line, suspect.stampMs * 1000 + line.offset);
      if (followed === undefined && !isGap) {
        this.#counters.jumps++;
        this.#offset = Math.round(this.#landing(arrival.nowMs)) - suspect.stampMs * 1000;
        line.offset = this.#offset;
      }
      this.#accept(line, suspect, suspect.stampMs * 1000 + line.offset, out);
      this.#accept(line, arrival, arrival.stampMs * 1000 + line.offset, out);
      return;
    }
    this.#interpolate(line, suspect, out);
    const micros = this.#judge(line, arrival);
    if (micros === undefined) line.suspect = arrival;
    else this.#accept(line, arrival, micros, out);
  }

  #interpolate(line: Line<Payload>, suspect: Arrival<Payload>, out: Placed<Payload>[]): void {
    this.#counters.interpolated++;
    const expected = line.expected ?? this.#elsewhere(line) ?? suspect.stampMs * 1000 + line.offset;
    this.#accept(line, suspect, expected, out);
  }

  #accept(line: Line<Payload>, arrival: Arrival<Payload>, micros: number, out: Placed<Payload>[]): void {
    let at = micros;
    if (at <= line.last) {
      this.#counters.clamped++;
      at = line.last + 1;
    }
    line.last = at;
    line.expected = at + arrival.durationMicros;
    line.arrivedMs = arrival.nowMs;
    out.push({ payload: arrival.payload, micros: at, nowMs: arrival.nowMs });
  }
}
