import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { AnnouncedTrack } from "./timeline.ts";

/** How long a track that may still come is waited for, milliseconds. */
const WAIT_MS = 1000;
/** The same for picture that the encoder's metadata announced. */
const ANNOUNCED_WAIT_MS = 3000;
/** What comes before the first keyframe is kept that long, milliseconds: its stamps may say that it belongs after it. */
const EARLY_MS = 500;
/** Rounding of stamps: frames of several tracks that belong together differ by less, milliseconds. */
const ROUNDING_MS = 2;
/** How long the second keyframe is waited for where its distance must be measured, milliseconds. */
const SECOND_KEYFRAME_MS = 4000;
/** Distance assumed when none came by then, microseconds: what encoders do that were told nothing, 250 frames. */
const LONG_GOP_MICROS = 8_400_000;
/** Bytes kept while a session has not begun. Full: it begins with what is there. */
const PENDING_BYTES_MAX = 33_554_432;

/** A frame that came before the session began. */
export interface PendingFrame {
  readonly raw: RawFrame;
  readonly stampMs: number;
  readonly nowMs: number;
}

function sameTrack(a: RawTrack, b: RawTrack): boolean {
  return a === b || (a.kind === b.kind && a.number === b.number);
}

/** What an encoder says it sends; `undefined` where it says nothing. */
function announces(metadata: EncoderMetadata | undefined, kind: RawTrack["kind"]): boolean | undefined {
  if (metadata === undefined) return undefined;
  const keys =
    kind === "video" ? ["videocodecid", "width", "framerate"] : ["audiocodecid", "audiosamplerate", "stereo"];
  return (
    // Some encoders write a size or a codec of 0 for what they do not send.
    keys.some((key) => metadata[key] !== undefined && metadata[key] !== 0) ||
    metadata[kind === "video" ? "hasVideo" : "hasAudio"] === true
  );
}

/** What a session begins with. */
export interface SessionStart {
  /** The leading track's first frame; a keyframe. */
  readonly leader: PendingFrame;
  /** All frames, that one among them. */
  readonly frames: readonly PendingFrame[];
  /** Distance of the first two keyframes, microseconds, or what is assumed for it; `undefined` where it was not to be measured. */
  readonly gopMicros: number | undefined;
}

/**
 * When a session's first frames are let through: with the first keyframe, once the parameters of picture and sound are known or their absence is.
 * Where nobody knows yet how far the encoder's keyframes are apart, with the second one: the target duration is chosen by their distance and cannot
 * change later, and a first playlist needs a whole segment in any case. Frames are kept until then.
 */
export class StartRule {
  readonly #measuresGop: boolean;
  /** The session's tracks, in the order in which they were announced. */
  readonly tracks: AnnouncedTrack[] = [];
  metadata: EncoderMetadata | undefined;
  #pending: PendingFrame[] = [];
  #pendingBytes = 0;
  #firstMs: number | undefined;
  /** Frames that came before the first keyframe and cannot be used. */
  #dropped = 0;

  /** @param options.measuresGop Wait for the second keyframe. */
  constructor(options: { readonly measuresGop: boolean }) {
    this.#measuresGop = options.measuresGop;
  }

  /** Parameters of a track, new or changed. */
  configure(raw: RawTrack, config: TrackConfig): void {
    const at = this.tracks.findIndex((track) => track.raw.kind === raw.kind && track.raw.number === raw.number);
    if (at < 0) this.tracks.push({ raw, config });
    else this.tracks[at] = { raw, config };
  }

  /** Keeps a frame. One whose track has no parameters is of no use to anybody, nor is a picture before its first keyframe. */
  keep(frame: PendingFrame): void {
    const { track, keyframe } = frame.raw;
    const follows = track.kind === "audio" || this.#pending.some(({ raw }) => sameTrack(raw.track, track));
    if ((!follows && !keyframe) || !this.tracks.some(({ raw }) => sameTrack(raw, track))) {
      this.#dropped++;
      return;
    }
    const leader = this.#leader();
    if (leader === undefined || sameTrack(leader, track)) this.#firstMs ??= frame.nowMs;
    this.#pending.push(frame);
    this.#pendingBytes += frame.raw.payload.byteLength;
    if (this.#firstMs === undefined) this.#forgetOld(frame.nowMs);
  }

  /** The picture that decides over cuts, once its parameters are known. */
  #leader(): RawTrack | undefined {
    let leader: RawTrack | undefined;
    for (const { raw } of this.tracks) {
      if (raw.kind === "video" && (leader === undefined || raw.number < leader.number)) leader = raw;
    }
    return leader;
  }

  /** Before the leading picture's first keyframe only the last moment is kept, however long it takes. */
  #forgetOld(nowMs: number): void {
    let count = 0;
    while (nowMs - (this.#pending[count]?.nowMs ?? nowMs) > EARLY_MS) {
      this.#pendingBytes -= this.#pending[count]?.raw.payload.byteLength ?? 0;
      count++;
    }
    if (count === 0) return;
    this.#pending.splice(0, count);
    this.#dropped += count;
  }

  /** The frames to begin with, the leading track's keyframe among them; `undefined` while it is too early. */
  ready(nowMs: number): SessionStart | undefined {
    if (this.#firstMs === undefined) return undefined;
    const waitedMs = this.#pendingBytes > PENDING_BYTES_MAX ? Number.POSITIVE_INFINITY : nowMs - this.#firstMs;
    const leader = this.#leader();
    const picture = leader && this.#pending.find(({ raw }) => sameTrack(raw.track, leader) && raw.keyframe);
    const sound = this.#pending.find(({ raw }) => raw.track.kind === "audio");
    if (picture !== undefined) {
      const complete = this.#has("audio") || announces(this.metadata, "audio") === false || waitedMs >= WAIT_MS;
      if (!complete) return undefined;
      const gopMicros = this.#measuresGop ? this.#gopMicros(picture, waitedMs) : undefined;
      return this.#measuresGop && gopMicros === undefined ? undefined : this.#begin(picture, gopMicros);
    }
    if (sound === undefined) return undefined;
    const announced = announces(this.metadata, "video");
    if (this.#has("video") || announced === true) return waitedMs >= ANNOUNCED_WAIT_MS ? this.#begin(sound) : undefined;
    return announced === false || waitedMs >= WAIT_MS ? this.#begin(sound) : undefined;
  }

  /** How many frames could not be used since it was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** The session is over before it began, or has begun: answers how many frames were kept in vain. */
  abandon(): number {
    const dropped = this.#dropped + this.#pending.length;
    this.#dropped = 0;
    this.#pending = [];
    this.#pendingBytes = 0;
    return dropped;
  }

  #has(kind: RawTrack["kind"]): boolean {
    for (const { raw } of this.tracks) if (raw.kind === kind) return true;
    return false;
  }

  /** Distance from the first keyframe to the second; `undefined` while it is worth waiting for. */
  #gopMicros(first: PendingFrame, waitedMs: number): number | undefined {
    const { track } = first.raw;
    const second = this.#pending.findLast(({ raw }) => raw.keyframe && sameTrack(raw.track, track));
    const micros = second === undefined ? 0 : (second.stampMs - first.stampMs) * 1000;
    if (micros > 0) return micros;
    return waitedMs >= SECOND_KEYFRAME_MS ? LONG_GOP_MICROS : undefined;
  }

  #begin(leader: PendingFrame, gopMicros?: number): SessionStart {
    const start = this.#pending.indexOf(leader);
    const frames = this.#pending.filter(
      ({ raw, nowMs, stampMs }, i) =>
        i >= start ||
        (leader.nowMs - nowMs <= EARLY_MS && (raw.track.kind === "audio" || stampMs >= leader.stampMs - ROUNDING_MS)),
    );
    this.#dropped += this.#pending.length - frames.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    return { leader, frames, gopMicros };
  }
}
