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
}

/** FFmpeg's value for a time that is not known. */
export const NO_TIME: bigint = -(2n ** 63n);

/** Microseconds of a time in a stream's time base. */
export function microsOf(time: bigint, base: { num: number; den: number }): number {
  return (Number(time) * base.num * MICROS_PER_SECOND) / base.den;
}

/** Passes packets on as they are; unknown decode times go on from the packet before. */
export class PassThrough implements TrackReader {
  readonly config: Uint8Array;
  readonly #base: { num: number; den: number };
  #nextDtsMicros = 0;

  constructor(config: Uint8Array, base: { num: number; den: number }) {
    this.config = config;
    this.#base = base;
  }

  read(packet: TimedPacket): MediaUnit[] {
    if (packet.data === null || packet.data.byteLength === 0) return [];
    const dtsMicros = packet.dts === NO_TIME ? this.#nextDtsMicros : microsOf(packet.dts, this.#base);
    const ptsMicros = packet.pts === NO_TIME ? dtsMicros : microsOf(packet.pts, this.#base);
    this.#nextDtsMicros = dtsMicros + microsOf(packet.duration, this.#base);
    // The packet's memory goes back to the library, so a copy.
    return [{ keyframe: packet.isKeyframe, dtsMicros, ptsMicros, payload: Uint8Array.from(packet.data) }];
  }

  drain(): MediaUnit[] {
    return [];
  }
}
