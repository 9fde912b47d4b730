import { FFmpegError, Frame } from "node-av/lib";
import { AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE, AV_PIX_FMT_YUV420P } from "node-av/constants";
import { Fault } from "#faults/fault.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { systemClock } from "#time/system-clock.ts";
import { AAC_FRAME_SAMPLES, AudioEncoder, type EncodedAudio } from "./audio-encoder.ts";
import { emit } from "#codecs/encoder-output.ts";
import type { EncoderTrack } from "#codecs/encoder-wire.ts";
import type { PictureSettings, TestSettings } from "./source.ts";
import { TestPicture } from "./test-picture.ts";
import { fillTestTone } from "./test-tone.ts";
import { type EncodedPicture, VideoEncoder } from "./video-encoder.ts";

/** A source that is later than this leaves pictures out rather than fall behind the clock. */
const LATE_MS_MAX = 500;
const CODEC_NAMES = { avc: "h264", hevc: "hevc", av1: "av1" } as const;

function tracksOf(settings: TestSettings): EncoderTrack[] {
  const tracks: EncoderTrack[] = [];
  for (const { width, height, bitrate, frameRateDivisor } of settings.pictures) {
    const frameRate = settings.frameRate.num / settings.frameRate.den / frameRateDivisor;
    tracks.push({ kind: "video", codec: CODEC_NAMES[settings.codec], width, height, frameRate, bitrate });
  }
  if (settings.audio) {
    const { sampleRate, channels } = settings;
    tracks.push({ kind: "audio", codec: "aac", bitrate: settings.audioBitrate, sampleRate, channels });
  }
  return tracks;
}

/** Draws, encodes and emits the test pictures and sound in real time until the process is told to end. */
export async function runTestEncoder(settings: TestSettings): Promise<void> {
  if (settings.pictures.length === 0 && !settings.audio) {
    throw new Fault("CONFIG_INVALID", "neither video nor audio is wanted", { hint: "leave one of them on" });
  }
  const { frameRate, sampleRate, channels } = settings;
  await emit({ kind: "tracks", tracks: tracksOf(settings) });
  const pictures: Picture[] = [];
  for (const size of settings.pictures) {
    const { num, den } = settings.frameRate;
    const encoder = await VideoEncoder.open({
      ...settings,
      ...size,
      frameRate: { num, den: den * size.frameRateDivisor },
      gopFrames: settings.gopFrames / size.frameRateDivisor,
    });
    await emit({ kind: "config", track: pictures.length, config: encoder.extraData });
    pictures.push(new Picture(pictures.length, size, encoder));
  }
  const audio = settings.audio
    ? await AudioEncoder.open({ sampleRate, channels, bitrate: settings.audioBitrate })
    : undefined;
  if (audio !== undefined) await emit({ kind: "config", track: pictures.length, config: audio.extraData });

  const source = new TestSource(settings, pictures, audio);
  process.stdin.on("data", () => source.requestKeyframe());
  const frameMs = (1000 * frameRate.den) / frameRate.num;
  // Encoders count frames between key frames: where pictures are left out, it is the same time of each.
  const step = Math.max(1, ...pictures.map(({ frameRateDivisor }) => frameRateDivisor));
  const startMs = source.begin();
  for (let n = 0; ; n++) {
    const aheadMs = startMs + n * frameMs - systemClock.nowMs();
    if (aheadMs > 0) await systemClock.sleep(aheadMs);
    else if (aheadMs < -LATE_MS_MAX && n % step === 0)
      n = step * Math.floor((systemClock.nowMs() - startMs) / frameMs / step);
    await source.advance(n);
  }
}

/** What of a picture's time all of them share. */
interface Instant {
  /** Number of the frame, from 0. */
  readonly number: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
  readonly utcOffsetMs: number;
  readonly isKeyframe: boolean;
}

/** One of the source's pictures: its track, its canvas and its encoder. */
class Picture {
  readonly track: number;
  /** It shows every n-th frame. */
  readonly frameRateDivisor: number;
  readonly #encoder: VideoEncoder;
  readonly #picture: TestPicture;
  readonly #frame = new Frame();

  constructor(track: number, size: PictureSettings, encoder: VideoEncoder) {
    this.track = track;
    this.frameRateDivisor = size.frameRateDivisor;
    this.#encoder = encoder;
    this.#picture = new TestPicture(size.width, size.height);
    this.#frame.alloc();
    this.#frame.format = AV_PIX_FMT_YUV420P;
    this.#frame.width = size.width;
    this.#frame.height = size.height;
    FFmpegError.throwIfError(this.#frame.getBuffer(0), "allocate a picture");
  }

  /** Draws and encodes a frame that it shows; gives what is ready, with times in its own frames. */
  show(instant: Instant): EncodedPicture[] {
    const frame = this.#frame;
    FFmpegError.throwIfError(frame.makeWritable(), "reuse a picture");
    const [luma, cb, cr] = frame.data ?? [];
    const [lumaStride, chromaStride] = frame.linesize;
    if (
      luma === undefined ||
      cb === undefined ||
      cr === undefined ||
      lumaStride === undefined ||
      chromaStride === undefined
    ) {
      throw new Fault("MEDIA_UNREADABLE", "the picture buffer has no planes");
    }
    const { number, wallMs, utcOffsetMs } = instant;
    this.#picture.draw({ luma, lumaStride, cb, cr, chromaStride }, number, wallMs, utcOffsetMs);
    frame.pts = BigInt(number / this.frameRateDivisor);
    frame.pictType = instant.isKeyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    return this.#encoder.encode(frame);
  }
}

class TestSource {
  readonly #settings: TestSettings;
  readonly #pictures: readonly Picture[];
  readonly #audio: AudioEncoder | undefined;
  readonly #tone = new Float32Array(AAC_FRAME_SAMPLES);
  #startWallMs = 0;
  readonly #utcOffsetMs = -new Date().getTimezoneOffset() * 60_000;
  readonly #frameMicros: number;
  #samplesDone = 0;
  /** Shifts all times so that the first decode time is 0; known with the first picture (B-frames make it negative). */
  #originMicros: number | undefined;
  #earlyAudio: EncodedAudio[] = [];
  #keyframeWanted = false;

  constructor(settings: TestSettings, pictures: readonly Picture[], audio: AudioEncoder | undefined) {
    this.#settings = settings;
    this.#pictures = pictures;
    this.#audio = audio;
    this.#frameMicros = (MICROS_PER_SECOND * settings.frameRate.den) / settings.frameRate.num;
    if (pictures.length === 0) this.#originMicros = 0;
  }

  /** Sets the source's clocks; gives the monotonic one. Called when drawing can begin at once, so that the clock in the picture is right. */
  begin(): number {
    this.#startWallMs = Math.round(systemClock.wallMs());
    return systemClock.nowMs();
  }

  /** Makes the next picture a key frame. */
  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  /** Emits picture `n` and the sound up to it. */
  async advance(n: number): Promise<void> {
    const untilMicros = n * this.#frameMicros;
    if (this.#audio !== undefined) await this.#sound(this.#audio, untilMicros);
    const wallMs = Math.round(this.#startWallMs + untilMicros / 1000);
    const shown = this.#pictures.filter(({ frameRateDivisor }) => n % frameRateDivisor === 0);
    // All pictures have their key frames together.
    const isKeyframe = this.#keyframeWanted && shown.length === this.#pictures.length;
    if (isKeyframe) this.#keyframeWanted = false;
    const instant = { number: n, wallMs, utcOffsetMs: this.#utcOffsetMs, isKeyframe };
    for (const picture of shown) {
      const frameMicros = this.#frameMicros * picture.frameRateDivisor;
      for (const encoded of picture.show(instant)) await this.#emitPicture(picture.track, encoded, frameMicros);
    }
  }

  async #emitPicture(track: number, picture: EncodedPicture, frameMicros: number): Promise<void> {
    this.#originMicros ??= picture.dts * frameMicros;
    for (const early of this.#earlyAudio.splice(0)) await this.#emitAudio(early);
    await emit({
      kind: "frame",
      track,
      keyframe: picture.keyframe,
      dtsMicros: picture.dts * frameMicros - this.#originMicros,
      ptsOffsetMicros: (picture.pts - picture.dts) * frameMicros,
      payload: picture.payload,
    });
  }

  async #sound(audio: AudioEncoder, untilMicros: number): Promise<void> {
    const rate = this.#settings.sampleRate;
    while (((this.#samplesDone + AAC_FRAME_SAMPLES) * MICROS_PER_SECOND) / rate <= untilMicros) {
      fillTestTone(this.#tone, this.#samplesDone, rate, this.#startWallMs);
      this.#samplesDone += AAC_FRAME_SAMPLES;
      for (const unit of audio.encode([this.#tone])) await this.#emitAudio(unit);
    }
  }

  async #emitAudio(unit: EncodedAudio): Promise<void> {
    if (this.#originMicros === undefined) {
      this.#earlyAudio.push(unit);
      return;
    }
    const dtsMicros = (unit.pts * MICROS_PER_SECOND) / this.#settings.sampleRate - this.#originMicros;
    const track = this.#pictures.length;
    await emit({ kind: "frame", track, keyframe: true, dtsMicros, ptsOffsetMicros: 0, payload: unit.payload });
  }
}
