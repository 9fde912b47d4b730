import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { AnnouncedTrack } from "./timeline.ts";

/** How long a track that may still come is waited for, milliseconds. */
const WAIT_MS = 1000;
/** The same for picture that the encoder's metadata announced. */
const ANNOUNCED_WAIT_MS = 3000;
/** Sound from before the first keyframe that is kept, milliseconds. */
const EARLY_SOUND_MS = 500;
/** Bytes kept while a session has not begun. Full: it begins with what is there. */
const PENDING_BYTES_MAX = 33_554_432;

/** A frame that came before the session began. */
export interface PendingFrame {
  readonly raw: RawFrame;
  readonly stampMs: number;
  readonly nowMs: number;
}

/** What an encoder says it sends; `undefined` where it says nothing. */
function announces(metadata: EncoderMetadata | undefined, kind: RawTrack["kind"]): boolean | undefined {
  if (metadata === undefined) return undefined;
  const keys =
    kind === "video" ? ["videocodecid", "width", "framerate"] : ["audiocodecid", "audiosamplerate", "stereo"];
  return (
    keys.some((key) => metadata[key] !== undefined) || metadata[kind === "video" ? "hasVideo" : "hasAudio"] === true
  );
}

/**
 * When a session's first frames are let through: with the first keyframe, once the parameters of picture and sound are known or their absence is.
 * Frames are kept until then.
 */
export class StartRule {
  /** The session's tracks, in the order in which they were announced. */
  readonly tracks: AnnouncedTrack[] = [];
  metadata: EncoderMetadata | undefined;
  #pending: PendingFrame[] = [];
  #pendingBytes = 0;
  #firstMs: number | undefined;
  /** Frames that came before the first keyframe and cannot be used. */
  #dropped = 0;

  /** Parameters of a track, new or changed. */
  configure(raw: RawTrack, config: TrackConfig): void {
    const at = this.tracks.findIndex((track) => track.raw.kind === raw.kind && track.raw.number === raw.number);
    if (at < 0) this.tracks.push({ raw, config });
    else this.tracks[at] = { raw, config };
  }

  /** Keeps a frame. Picture before the first keyframe is of no use to anybody. */
  keep(frame: PendingFrame): void {
    const isFirstPicture = !this.#pending.some(({ raw }) => raw.track.kind === "video");
    if (frame.raw.track.kind === "video" && isFirstPicture && !frame.raw.keyframe) {
      this.#dropped++;
      return;
    }
    if (frame.raw.track.kind === "video" || !this.#has("video")) this.#firstMs ??= frame.nowMs;
    this.#pending.push(frame);
    this.#pendingBytes += frame.raw.payload.byteLength;
  }

  /** The frames to begin with, the leading track's keyframe among them; `undefined` while it is too early. */
  ready(nowMs: number): { readonly leader: PendingFrame; readonly frames: readonly PendingFrame[] } | undefined {
    if (this.#firstMs === undefined) return undefined;
    const waitedMs = this.#pendingBytes > PENDING_BYTES_MAX ? Number.POSITIVE_INFINITY : nowMs - this.#firstMs;
    const picture = this.#pending.find(({ raw }) => raw.track.kind === "video" && raw.keyframe);
    const sound = this.#pending.find(({ raw }) => raw.track.kind === "audio");
    if (picture !== undefined) {
      const complete = this.#has("audio") || announces(this.metadata, "audio") === false || waitedMs >= WAIT_MS;
      return complete ? this.#begin(picture) : undefined;
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

  #begin(leader: PendingFrame): { leader: PendingFrame; frames: PendingFrame[] } {
    const start = this.#pending.indexOf(leader);
    const frames = this.#pending.filter(
      (frame, i) => i >= start || (frame.raw.track.kind === "audio" && leader.nowMs - frame.nowMs <= EARLY_SOUND_MS),
    );
    this.#dropped += this.#pending.length - frames.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    return { leader, frames };
  }
}
