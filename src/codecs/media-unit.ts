import type { AVPacketSideDataType } from "node-av/constants";
import { MICROS_PER_SECOND } from "#time/ticks.ts";

/** A coded frame of a file on its way to the wire; times in microseconds of the file. */
export interface MediaUnit {
  readonly keyframe: boolean;
  readonly dtsMicros: number;
  readonly ptsMicros: number;
  readonly payload: Uint8Array;
}

/** One track of an open file: packets in, units out. */
export interface TrackReader {
  /** Decoder configuration as the codec library gives it; known from the start. */
  readonly config: Uint8Array;
  read(packet: TimedPacket): MediaUnit[];
  /** At the end of the file: what is still inside. */
  drain(): MediaUnit[];
}

/** What a {@link TrackReader} needs of a demuxed packet. */
export interface TimedPacket {
  readonly pts: bigint;
  readonly dts: bigint;
  readonly duration: bigint;
  readonly isKeyframe: boolean;
  readonly data: Uint8Array | null;
  /** Bytes that come beside the data, such as new decoder configurations. */
  getSideData(type: AVPacketSideDataType): Uint8Array | null;
}

/** FFmpeg's value for a time that is not known. */
export const NO_TIME: bigint = -(2n ** 63n);

/** Microseconds of a time in a stream's time base. */
export function microsOf(time: bigint, base: { num: number; den: number }): number {
  return (Number(time) * base.num * MICROS_PER_SECOND) / base.den;
}

/** Packets held back at a start without decode times: more than any encoder reorders. */
const HELD_PACKETS_MAX = 32;

interface HeldPacket {
  readonly keyframe: boolean;
  readonly ptsMicros: number;
  readonly durationMicros: number;
  readonly payload: Uint8Array;
}

/**
 * Passes packets on as they are. Decode times that a container does not tell are counted back from the first known one (the start of a
 * Matroska file with B-frames) or go on from the packet before.
 */
export class PassThrough implements TrackReader {
  readonly config: Uint8Array;
  readonly #base: { num: number; den: number };
  #nextDtsMicros: number | undefined;
  #held: HeldPacket[] = [];

  constructor(config: Uint8Array, base: { num: number; den: number }) {
    this.config = config;
    this.#base = base;
  }

  read(packet: TimedPacket): MediaUnit[] {
    if (packet.data === null || packet.data.byteLength === 0) return [];
    const dtsMicros = packet.dts === NO_TIME ? this.#nextDtsMicros : microsOf(packet.dts, this.#base);
    const durationMicros = microsOf(packet.duration, this.#base);
    const ptsMicros = packet.pts === NO_TIME ? (dtsMicros ?? 0) : microsOf(packet.pts, this.#base);
    // The packet's memory goes back to the library, so a copy.
    const held = { keyframe: packet.isKeyframe, ptsMicros, durationMicros, payload: new Uint8Array(packet.data) };
    if (dtsMicros === undefined) {
      this.#held.push(held);
      return this.#held.length < HELD_PACKETS_MAX ? [] : this.#release(this.#held[0]?.ptsMicros ?? 0);
    }
    const units = this.#release(dtsMicros - this.#held.reduce((sum, { durationMicros: one }) => sum + one, 0));
    this.#nextDtsMicros = dtsMicros + durationMicros;
    units.push({ keyframe: held.keyframe, dtsMicros, ptsMicros, payload: held.payload });
    return units;
  }

  drain(): MediaUnit[] {
    return this.#release(this.#held[0]?.ptsMicros ?? 0);
  }

  /** Gives the held packets, the first at `dtsMicros`. */
  #release(dtsMicros: number): MediaUnit[] {
    let nextMicros = dtsMicros;
    const units = this.#held.map(({ keyframe, ptsMicros, durationMicros, payload }) => {
      const unit = { keyframe, dtsMicros: nextMicros, ptsMicros, payload };
      nextMicros += durationMicros;
      return unit;
    });
    if (this.#held.length > 0) this.#nextDtsMicros = nextMicros;
    this.#held = [];
    return units;
  }
}
