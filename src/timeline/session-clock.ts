/**
 * From an encoder's stamps to stream time: `T = stamp + offset`, with one offset for all tracks of a session so that lips stay in sync.
 * Each frame is compared with where its track was expected to go on:
 *
 *   near, or late by as much as it arrived late, or as another track is ─▶ placed as stamped
 *   where another track has just been moved to                         ─▶ this track moves along
 *   anywhere else                                                      ─▶ held: the next frame of the track decides
 *        next agrees with it            ─▶ the encoder's clock jumped: all tracks get a new offset, stream time goes on
 *        next agrees with the old line  ─▶ that one stamp was corrupt: it is placed where it was expected
 *
 * No frame is ever lost here, and a track's time grows with every frame.
 */

/** Jitter that is taken as it comes, microseconds; two frames where those are longer. */
const JITTER_MICROS = 100_000;
/** Longest gap that is believed because arrival confirms it, microseconds; where another track is as far, any is. */
const GAP_MICROS_MAX = 10_000_000;
/** How far a stamp may go back and still be jitter, microseconds. */
const JITTER_BACK_MICROS = 10_000;
/** Where the clock jumps, how much longer than a frame nothing may have come for stream time to go on as if it had not, microseconds. */
const PAUSE_MICROS = 250_000;
/** How well arrival must agree with a gap, microseconds; half of the gap where that is less. */
const AGREEMENT_MICROS = 1_000_000;
/** How far behind another track may be that confirms a gap, microseconds: the skew of interleaving. */
const REACHED_MICROS = 250_000;
/** How far from the others a track may begin, microseconds: sound is often stamped up to two seconds ahead. */
const START_AGREEMENT_MICROS = 3_000_000;

/** A frame on its way; {@link SessionClock} writes `micros`. */
export interface Arrival<Key> {
  /** The track, as the caller identifies it. */
  readonly key: Key;
  /** Unwrapped stamp, milliseconds. */
  readonly stampMs: number;
  /** Expected duration, microseconds. */
  readonly durationMicros: number;
  readonly nowMs: number;
  /** Decode time in stream time, microseconds. */
  micros: number;
}

/** One track's position. */
interface Line<Unit> {
  offset: number;
  /** Where the next frame should be; `undefined` before the first. */
  expected: number | undefined;
  last: number;
  arrivedMs: number;
  suspect: Unit | undefined;
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
export class SessionClock<Key, Unit extends Arrival<Key>> {
  readonly #lines = new Map<Key, Line<Unit>>();
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

  /** Moves everything that comes from now on later by `micros`; earlier where negative. */
  shift(micros: number): void {
    this.#offset += micros;
    for (const line of this.#lines.values()) {
      line.offset += micros;
      if (line.expected !== undefined) line.expected += micros;
      line.last += micros;
    }
  }

  /** Places a unit. Appends to `out` what is decided: nothing while it is held, two units when it decides over the one before. */
  place(unit: Unit, out: Unit[]): void {
    const line = this.#line(unit.key);
    const suspect = line.suspect;
    if (suspect !== undefined) {
      line.suspect = undefined;
      this.#resolve(line, suspect, unit, out);
      return;
    }
    this.#take(line, unit, out);
  }

  /** The session is over: what is held is placed where it was expected. */
  flush(out: Unit[]): void {
    for (const line of this.#lines.values()) {
      const { suspect } = line;
      if (suspect === undefined) continue;
      line.suspect = undefined;
      this.#interpolate(line, suspect, out);
    }
  }

  #line(key: Key): Line<Unit> {
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

  #take(line: Line<Unit>, unit: Unit, out: Unit[]): void {
    const micros = this.#judge(line, unit);
    if (micros === undefined) line.suspect = unit;
    else this.#accept(line, unit, micros, out);
  }

  /** Stream time of a frame that can be trusted, `undefined` for a suspect. */
  #judge(line: Line<Unit>, unit: Unit): number | undefined {
    const micros = unit.stampMs * 1000 + line.offset;
    const { expected } = line;
    if (expected === undefined) {
      const elsewhere = this.#elsewhere(line);
      if (elsewhere === undefined || Math.abs(micros - elsewhere) <= START_AGREEMENT_MICROS) return micros;
      return this.#follow(line, unit, elsewhere);
    }
    const delta = micros - expected;
    if (micros >= line.last - JITTER_BACK_MICROS && delta <= Math.max(JITTER_MICROS, 2 * unit.durationMicros))
      return micros;
    if (delta > 0) {
      const arrivalGap = (unit.nowMs - line.arrivedMs) * 1000;
      const tolerance = Math.min(AGREEMENT_MICROS, Math.max(delta / 2, JITTER_MICROS));
      if (delta <= GAP_MICROS_MAX && Math.abs(delta - arrivalGap) <= tolerance) return micros;
      if (this.#isReached(line, line.offset, micros)) return micros;
    }
    return this.#follow(line, unit, expected);
  }

  /** Where the other tracks are, for a track that has no position of its own yet. */
  #elsewhere(line: Line<Unit>): number | undefined {
    for (const other of this.#lines.values()) if (other !== line && other.expected !== undefined) return other.expected;
    return undefined;
  }

  /** Another track on this offset has come about as far: frames between were left out by the encoder, its clock did not jump. */
  #isReached(line: Line<Unit>, offset: number, micros: number): boolean {
    for (const other of this.#lines.values()) {
      if (other === line || other.offset !== offset || other.expected === undefined) continue;
      const ahead = other.expected - micros;
      if (ahead >= -REACHED_MICROS && ahead <= START_AGREEMENT_MICROS) return true;
    }
    return false;
  }

  /** Another track has been moved to a new offset and this frame fits there. */
  #follow(line: Line<Unit>, unit: Unit, expected: number): number | undefined {
    const offset = this.#offset;
    if (line.offset === offset) return undefined;
    const micros = unit.stampMs * 1000 + offset;
    if (Math.abs(micros - expected) > AGREEMENT_MICROS && !this.#isReached(line, offset, micros)) return undefined;
    line.offset = offset;
    return micros;
  }

  #resolve(line: Line<Unit>, suspect: Unit, unit: Unit, out: Unit[]): void {
    const step = (unit.stampMs - suspect.stampMs) * 1000;
    const tolerance = Math.max(JITTER_MICROS, 2 * suspect.durationMicros);
    if (step <= 0 || Math.abs(step - suspect.durationMicros) > tolerance) {
      this.#interpolate(line, suspect, out);
      this.#take(line, unit, out);
      return;
    }
    if (!this.#isConfirmed(line, suspect)) {
      this.#counters.jumps++;
      this.#offset = Math.round(this.#goesOnAt(line, suspect)) - suspect.stampMs * 1000;
      line.offset = this.#offset;
    }
    this.#accept(line, suspect, suspect.stampMs * 1000 + line.offset, out);
    this.#accept(line, unit, unit.stampMs * 1000 + line.offset, out);
  }

  /** Where stream time goes on after a jump: where it would have without, unless frames are missing. */
  #goesOnAt(line: Line<Unit>, first: Unit): number {
    const { expected } = line;
    const pause = (first.nowMs - line.arrivedMs) * 1000 - first.durationMicros;
    return expected !== undefined && pause <= PAUSE_MICROS ? expected : this.#landing(first.nowMs);
  }

  /** What the other tracks did since a frame was held explains it after all. */
  #isConfirmed(line: Line<Unit>, suspect: Unit): boolean {
    const micros = suspect.stampMs * 1000 + line.offset;
    const expected = line.expected ?? this.#elsewhere(line) ?? micros;
    if (micros > expected && this.#isReached(line, line.offset, micros)) return true;
    return this.#follow(line, suspect, expected) !== undefined;
  }

  #interpolate(line: Line<Unit>, suspect: Unit, out: Unit[]): void {
    this.#counters.interpolated++;
    const expected = line.expected ?? this.#elsewhere(line) ?? suspect.stampMs * 1000 + line.offset;
    this.#accept(line, suspect, expected, out);
  }

  #accept(line: Line<Unit>, unit: Unit, micros: number, out: Unit[]): void {
    let at = micros;
    if (at <= line.last) {
      this.#counters.clamped++;
      at = line.last + 1;
    }
    line.last = at;
    line.expected = at + unit.durationMicros;
    line.arrivedMs = unit.nowMs;
    unit.micros = at;
    out.push(unit);
  }
}
