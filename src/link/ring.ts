import type { Track } from "#media/track.ts";
import type { LinkRecord } from "./record.ts";

/** Whole segments kept beside the open one: enough for a transcoder or restream that comes a moment late. */
export const RING_SEGMENTS_MAX = 1;
/** Bytes of frames kept. Full: the oldest segment goes, whole. */
export const RING_BYTES_MAX = 134_217_728;

interface RingSegment {
  readonly number: number;
  /** Tracks as they were when this segment began. */
  readonly tracks: readonly Track[];
  readonly records: LinkRecord[];
  bytes: number;
  /** It alone was more than the ring may hold: late subscribers begin with the next one. */
  givenUp: boolean;
}

/** The last segments of a broadcast as records, each from its cut on. A late follower's frames stand with the segment they belong to. */
export class Ring {
  #segments: RingSegment[] = [];
  #bytes = 0;
  #tracks: readonly Track[];
  #pendingTracks: LinkRecord | undefined;

  constructor(tracks: readonly Track[]) {
    this.#tracks = tracks;
  }

  /** Bytes of all frames kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a record. */
  push(record: LinkRecord): void {
    if (record.type === "tracks") {
      this.#tracks = record.tracks;
      this.#pendingTracks = record;
    } else if (record.type === "cut") {
      this.#segments.push({
        number: record.segment,
        tracks: this.#tracks,
        records: [record],
        bytes: 0,
        givenUp: false,
      });
      if (this.#pendingTracks !== undefined) this.#segments.at(-1)?.records.unshift(this.#pendingTracks);
      this.#pendingTracks = undefined;
      this.#evict();
    } else if (record.type === "frame") {
      const segment = this.#find(record.frame.segment);
      if (segment === undefined || segment.givenUp) return;
      segment.records.push(record);
      segment.bytes += record.frame.payload.byteLength;
      this.#bytes += record.frame.payload.byteLength;
      if (this.#bytes > RING_BYTES_MAX) this.#evict();
    } else if (record.type === "seal") {
      const segment = this.#find(record.segment);
      if (segment?.givenUp === false) segment.records.push(record);
    }
  }

  /** What a subscriber gets first: the tracks as they were where its records begin, and the records of the newest or of all segments. */
  replay(from: "live" | "window"): { readonly tracks: readonly Track[]; readonly records: readonly LinkRecord[] } {
    const segments = from === "live" ? this.#segments.slice(-1) : this.#segments;
    return { tracks: segments[0]?.tracks ?? this.#tracks, records: segments.flatMap((segment) => segment.records) };
  }

  #find(number: number): RingSegment | undefined {
    const first = this.#segments[0];
    return first === undefined ? undefined : this.#segments[number - first.number];
  }

  #evict(): void {
    while (
      this.#segments.length > RING_SEGMENTS_MAX + 1 ||
      (this.#bytes > RING_BYTES_MAX && this.#segments.length > 1)
    ) {
      this.#bytes -= this.#segments.shift()?.bytes ?? 0;
    }
    const open = this.#segments[0];
    if (this.#bytes <= RING_BYTES_MAX || open === undefined) return;
    const kept = open.records.filter(({ type }) => type !== "frame" && type !== "seal");
    open.records.splice(0, open.records.length, ...kept);
    open.givenUp = true;
    open.bytes = 0;
    this.#bytes = 0;
  }
}
