import { microsToTicks } from "#time/ticks.ts";
import { DROPPED } from "./audio-stamper.ts";
import type { Lane, Unit } from "./lane.ts";
import { gapMicrosMax, type GopMeter } from "./segment-rule.ts";
import type { SegmentSeries } from "./segment-series.ts";
import type { GateCounters } from "./timeline.ts";

/** How much after the start of its first segment sound may begin without silence before it, microseconds. */
const LATE_SOUND_MICROS = 100_000;
/** How much longer than it lasts a picture is shown before another is put after it, which is an older one, microseconds. */
const LINGER_MICROS = 100_000;
/** A tick of picture, rounded up, microseconds. */
const TICK_MICROS = 12;
/** What rounding of stamps to milliseconds may take from a distance, microseconds. */
const ROUNDING_MICROS = 2000;
/** How much before its first segment a further picture may begin, microseconds: its delay by B-frames is another. */
const EARLY_MICROS_MAX = 250_000;

/**
 * Puts units into their lanes so that decode times are contiguous: holes before them are filled, what cannot be used is refused.
 *
 *   lane open    what comes belongs to what came: it is stamped
 *   lane closed  picture waits for a keyframe that begins where what was filled in ends, or hardly earlier; sound begins at the nearest whole frame of silence
 */
export class Stamping {
  readonly #series: SegmentSeries;
  readonly #counters: GateCounters;
  readonly #gops: GopMeter;

  constructor(series: SegmentSeries, counters: GateCounters, gops: GopMeter) {
    this.#series = series;
    this.#counters = counters;
    this.#gops = gops;
  }

  /** Stamps a unit; `false` when it cannot be used. */
  stamp(lane: Lane, unit: Unit): boolean {
    const isUsed = this.#place(lane, unit);
    if (isUsed) lane.usedMs = Math.max(lane.usedMs, unit.nowMs);
    return isUsed;
  }

  #place(lane: Lane, unit: Unit): boolean {
    const { video, audio } = lane;
    if (video !== undefined) {
      if (lane.open && video.gapMicros(unit.micros) > gapMicrosMax(this.#series.plan, video.frameMicros)) {
        lane.close();
        this.#gops.interrupt();
      }
      if (!lane.open && !this.#takeOver(lane, unit)) return false;
      if (isLeading(lane, unit)) return false;
      video.add(unit.micros, unit.offsetMicros, unit);
      return true;
    }
    if (audio === undefined) return false;
    if (lane.joinsMicros !== undefined && unit.micros >= lane.joinsMicros) {
      lane.joinsMicros = undefined;
      lane.close();
    }
    // Sound that joins begins with its segment.
    if (audio.nextDts === undefined && unit.micros < this.#series.originOf(lane)) return false;
    // Sound that begins late has silence before it: its track has no hole where the broadcast begins.
    if (audio.nextDts === undefined && unit.micros > this.#series.originOf(lane) + LATE_SOUND_MICROS) {
      this.fill(lane, unit.micros, false);
    }
    if (!this.joinSound(lane, unit.micros)) return false;
    lane.open = true;
    lane.sound(unit);
    return true;
  }

  /** Fills the hole before a frame of sound placed at `micros`; `false` when the frame comes too early to be used. */
  joinSound(lane: Lane, micros: number): boolean {
    const { audio, filler } = lane;
    const silentSamples = filler === undefined ? 0 : lane.samples(filler.payload);
    const silent = audio?.place(micros, silentSamples, !lane.open) ?? DROPPED;
    if (silent === DROPPED) return false;
    this.#counters.silent += lane.silence(silent);
    return true;
  }

  /**
   * Fills a lane up to about `untilMicros`: picture in steps of a part, the last one shorter where `exact`, sound in whole frames of silence.
   * `false` where there is nothing to fill with.
   */
  fill(lane: Lane, untilMicros: number, exact: boolean): boolean {
    if (lane.filler === undefined) return false;
    if (lane.video !== undefined) {
      this.#counters.held += lane.picture(untilMicros, this.#series.pictureMicrosMax, exact);
    } else if (lane.audio !== undefined) {
      lane.audio.nextDts ??= microsToTicks(this.#series.originOf(lane), lane.audio.timescale);
      this.#counters.silent += lane.silence(lane.silentFramesUntil(untilMicros));
    }
    return true;
  }

  /**
   * Fills a lane exactly up to what begins at `startMicros`; `false` where the last picture may as well be shown that long. Not before changed
   * parameters: their segment is shown from its decode time on, in every rung alike.
   */
  fillBefore(lane: Lane, startMicros: number): boolean {
    const { video, shownUntilMicros, pendingConfig } = lane;
    const lingers = startMicros - (shownUntilMicros ?? startMicros) <= LINGER_MICROS;
    if (video !== undefined && pendingConfig === undefined && lingers) return false;
    return this.fill(lane, startMicros, true);
  }

  /** How much later than `startMicros` a keyframe must be shown that is to begin a segment, microseconds; the leading picture is held until there. */
  awaitCut(lane: Lane, leader: Lane, startMicros: number): number {
    if (!leader.open) this.fillBefore(leader, startMicros);
    const { endMicros, shownUntilMicros = startMicros, earliestMicros = startMicros } = lane;
    const { earliestCutMicros } = this.#series;
    if (endMicros === undefined || startMicros < earliestMicros - ROUNDING_MICROS) {
      const delay = Math.max(0, earliestCutMicros - startMicros);
      if (delay > 0 && !leader.open) this.fill(leader, startMicros + delay, true);
      return delay;
    }
    if (endMicros >= earliestCutMicros) return 0;
    // Decode time goes on where it ended: what is held ends where a segment may begin, and after all that is shown.
    this.fill(leader, Math.max(earliestCutMicros, startMicros, shownUntilMicros + TICK_MICROS), true);
    return Math.max(0, (lane.earliestMicros ?? startMicros) - startMicros);
  }

  /** A picture's lane goes on with this keyframe. The last picture stays exactly until then. */
  #takeOver(lane: Lane, unit: Unit): boolean {
    const { video } = lane;
    const start = unit.micros + unit.offsetMicros;
    const earliest = lane.earliestMicros ?? this.#series.originOf(lane) - EARLY_MICROS_MAX;
    if (video === undefined || !unit.keyframe || start < earliest - ROUNDING_MICROS) return false;
    this.fillBefore(lane, start);
    lane.open = true;
    lane.openedMicros = start;
    video.begin({ micros: unit.micros, offsetMicros: unit.offsetMicros, rate: lane.rate });
    return true;
  }
}

/** Whether a picture is to be shown before the keyframe that opened its lane: it refers to pictures that are not there (H.264 §7.4.1.2.4, "leading"). */
function isLeading(lane: Lane, unit: Unit): boolean {
  const { openedMicros } = lane;
  if (openedMicros === undefined) return false;
  const at = unit.micros + unit.offsetMicros;
  if (!unit.keyframe) return at < openedMicros - ROUNDING_MICROS;
  if (at > openedMicros) lane.openedMicros = undefined;
  return false;
}
