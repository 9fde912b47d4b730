import { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import type { RawFrame } from "#media/frame.ts";
import type { PublishSink } from "#media/publish.ts";
import type { VideoConfig } from "#media/track.ts";
import { randomFrom } from "#timeline/test-encoder.ts";
import { TimelineChecker } from "#timeline/timeline-checker.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { AUDIO, AUDIO_CONFIG, Stage, VIDEO, VIDEO_CONFIG } from "./router-rig.ts";

/*
 * Encoders that do what encoders do on a long evening, on simulated time, and a subscriber that forgives nothing. Tests only.
 */

/** How far simulated time moves at once, milliseconds. */
const STEP_MS = 20;
/** How much later than its segment sound may begin: it went on while the picture stood still. */
const UNEVEN_MICROS_MAX = 1_000_000;
/** A frame of their sound, microseconds. */
const SOUND_FRAME_MICROS = 64_000;
/** Seconds that an encoder keeps while its uplink does not take them. */
const UNSENT_SECONDS_MAX = 20;
/** What divisions may take from a whole number. */
const ROUNDING = 1e-6;
/** Sound of all encoders: 16 kHz, so that a day of it is simulated in little time. */
const SOUND_CONFIG = { ...AUDIO_CONFIG, record: Uint8Array.of(0x14, 0x10), sampleRate: 16_000 } as const;

interface Sent {
  readonly frame: RawFrame;
  readonly atMs: number;
}

/** One encode: what comes out of an encoder, whatever carries it. */
class Encode {
  readonly id: number;
  readonly fps: number;
  readonly gopFrames: number;
  readonly bFrames: boolean;
  readonly video: VideoConfig;
  readonly #startMs: number;

  constructor(id: number, startMs: number, random: () => number) {
    this.id = id;
    this.#startMs = startMs;
    this.fps = [10, 12, 15][Math.floor(random() * 3)] ?? 10;
    this.gopFrames = Math.round(this.fps * ([1, 2, 2, 2.5, 4][Math.floor(random() * 5)] ?? 2));
    this.bFrames = random() < 0.3;
    const record = Uint8Array.of(1, 100, 0, random() < 0.6 ? 31 : 40);
    this.video = { ...VIDEO_CONFIG, record };
  }

  /** What comes out after `fromMs` and until `untilMs`, in order. */
  *between(fromMs: number, untilMs: number): Generator<Sent> {
    const pictureMs = 1000 / this.fps;
    const soundMs = 64;
    const next = (ms: number): number => Math.floor((fromMs - this.#startMs) / ms + ROUNDING) + 1;
    let [picture, sound] = [next(pictureMs), next(soundMs)];
    for (;;) {
      const pictureAt = this.#startMs + picture * pictureMs;
      const soundAt = this.#startMs + sound * soundMs;
      if (Math.min(pictureAt, soundAt) > untilMs + ROUNDING) return;
      if (pictureAt <= soundAt) yield { atMs: pictureAt, frame: this.#picture(picture++, pictureMs) };
      else yield { atMs: soundAt, frame: this.#sound(sound++, soundMs) };
    }
  }

  #picture(at: number, pictureMs: number): RawFrame {
    const inGop = at % this.gopFrames;
    // I P B P B …; the last one of a group comes before the next keyframe.
    const isLast = inGop === this.gopFrames - 1;
    const delay = this.bFrames ? (inGop === 0 ? 1 : inGop % 2 === 0 ? 0 : isLast ? 1 : 2) : 0;
    return {
      track: VIDEO,
      dts: Math.round(at * pictureMs),
      ptsOffset: Math.round(delay * pictureMs),
      keyframe: inGop === 0,
      payload: payloadOf(this.id, at, 0),
    };
  }

  #sound(at: number, soundMs: number): RawFrame {
    const payload = payloadOf(this.id, at, 1);
    return { track: AUDIO, dts: Math.round(at * soundMs), ptsOffset: 0, keyframe: true, payload };
  }
}

function payloadOf(encode: number, at: number, kind: number): Uint8Array {
  const payload = new Uint8Array(12);
  const view = new DataView(payload.buffer);
  view.setUint32(0, encode);
  view.setUint32(4, at);
  payload[8] = kind;
  return payload;
}

/** A picture that cannot be decoded, as the decoder of these tests sees it. */
function damagedOf(payload: Uint8Array): Uint8Array {
  const bytes = payload.slice();
  bytes[bytes.byteLength - 2] = 1;
  return bytes;
}

/** What ails an encoder or its uplink. */
const AILMENTS = ["stalled", "stalled", "crawling", "no-pictures", "no-keyframes", "no-sound"] as const;
type Ailment = "none" | "damaged" | (typeof AILMENTS)[number];
/** Share of ailments that are damaged pictures. */
const DAMAGED_SHARE = 0.15;

/** An encoder's connection. */
class Uplink {
  readonly encode: Encode;
  readonly sink: PublishSink;
  ailment: Ailment = "none";
  /** Added to the encoder's stamps: it restarts its clock, or the clock jumps. */
  clockMs: number;
  /** How late frames come, milliseconds. */
  delayMs = 0;
  #sentMs: number;
  #unsent: Sent[] = [];
  #paidMs = 0;

  constructor(encode: Encode, sink: PublishSink, nowMs: number, clockMs: number) {
    this.encode = encode;
    this.sink = sink;
    this.clockMs = clockMs;
    this.#sentMs = nowMs;
    sink.metadata({ framerate: encode.fps, width: 1280, audiosamplerate: 16_000 }, nowMs);
    sink.configure(VIDEO, encode.video, nowMs);
    sink.configure(AUDIO, SOUND_CONFIG, nowMs);
  }

  step(nowMs: number): void {
    for (const sent of this.encode.between(this.#sentMs, nowMs)) {
      const { frame } = sent;
      const isPicture = frame.track === VIDEO;
      if (isPicture ? this.ailment === "no-pictures" : this.ailment === "no-sound") continue;
      const keyframe = frame.keyframe && (this.ailment !== "no-keyframes" || !isPicture);
      const payload = this.ailment === "damaged" && isPicture ? damagedOf(frame.payload) : frame.payload;
      this.#unsent.push({ ...sent, frame: { ...frame, keyframe, payload, dts: (frame.dts + this.clockMs) >>> 0 } });
    }
    this.#sentMs = nowMs;
    // An encoder throws away what its uplink does not take.
    if (nowMs - (this.#unsent[0]?.atMs ?? nowMs) > UNSENT_SECONDS_MAX * 1000) this.#unsent = [];
    if (this.ailment === "stalled") return;
    if (this.ailment === "crawling") {
      this.#paidMs = Math.min(100, this.#paidMs + STEP_MS * 0.2);
      const [first] = this.#unsent;
      if (first === undefined) return;
      const until = first.atMs + this.#paidMs;
      this.#deliver(until, nowMs);
      this.#paidMs -= Math.max(0, (this.#unsent[0]?.atMs ?? until) - first.atMs);
      return;
    }
    this.#deliver(nowMs - this.delayMs, nowMs);
  }

  #deliver(untilMs: number, nowMs: number): void {
    let count = 0;
    for (let next = this.#unsent[0]; next !== undefined && next.atMs <= untilMs; next = this.#unsent[count]) {
      if (this.sink.expelled.aborted) break;
      this.sink.frame(next.frame, nowMs);
      count++;
    }
    this.#unsent.splice(0, count);
  }
}

/** What was seen of an evening. */
export interface EveningFigures {
  readonly segments: number;
  /** Segments in which sound does not begin with the picture. */
  readonly unevenSegments: number;
  readonly switches: number;
  readonly interruptions: number;
  readonly slates: number;
  /** Times that an encoder's pictures were found damaged. */
  readonly damages: number;
  readonly discontinuities: number;
  readonly jumps: number;
  /** Bounds of stream time against the clock, milliseconds: positive where it runs ahead. */
  readonly aheadMs: { min: number; max: number };
  /** How far the ends of picture and sound were apart at most, milliseconds. */
  readonly apartMs: number;
}

/** One broadcast on which encoders come, go and fail at random; every record that comes out is checked. */
export class Evening {
  readonly log: string[] = [];
  readonly #random: () => number;
  /** Chance of its own: the evening goes the same way without it. */
  readonly #damages: () => number;
  readonly #stage: Stage;
  readonly #checker = new TimelineChecker();
  readonly #uplinks: Uplink[] = [];
  readonly #encodes: Encode[] = [];
  readonly #counts = { segments: 0, unevenSegments: 0, interruptions: 0, slates: 0, discontinuities: 0 };
  readonly #aheadMs = { min: 0, max: 0 };
  #apartMs = 0;
  #take: (() => LinkRecord[]) | undefined;
  #judge: (() => void) | undefined;
  #made = 0;

  private constructor(stage: Stage, seed: number) {
    this.#stage = stage;
    this.#random = randomFrom(seed);
    this.#damages = randomFrom(seed + 1000);
    stage.router.onEvent(({ type }) => {
      if (type === "stream.interrupted") this.#counts.interruptions++;
      if (type === "stream.slate") this.#counts.slates++;
    });
  }

  static async run(seed: number, seconds: number): Promise<EveningFigures> {
    const evening = new Evening(await Stage.open(), seed);
    try {
      await evening.#run(seconds);
      return evening.#figures();
    } catch (error) {
      const told = evening.log.slice(-12).join("\n");
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n${told}`, {
        cause: error,
      });
    } finally {
      await evening.#stage.router.close();
    }
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.#below(items.length)];
  }

  async #run(seconds: number): Promise<void> {
    const continuity = this.#random() < 0.7 ? "slate" : "hold";
    const switchBack = this.#random() < 0.5 ? "sticky" : "prefer-primary";
    const come = (): void => this.#come({ continuity, switchBack, graceSeconds: 600 });
    come();
    const endMs = this.#stage.clock.nowMs() + seconds * 1000;
    while (this.#stage.clock.nowMs() < endMs) {
      this.#act(come);
      const untilMs = this.#stage.clock.nowMs() + 500 + this.#below(12_000);
      while (this.#stage.clock.nowMs() < untilMs) await this.#step();
    }
  }

  #come(settings: Parameters<Stage["session"]>[1]): void {
    const { clock } = this.#stage;
    const nowMs = clock.nowMs();
    const known = this.#random() < 0.5 ? this.#pick(this.#encodes) : undefined;
    const encode = known ?? new Encode(++this.#made, nowMs, this.#random);
    if (known === undefined) this.#encodes.push(encode);
    const params: Record<string, string> =
      this.#random() < 0.3 ? { role: this.#pick(["primary", "backup"]) ?? "" } : {};
    const sink = this.#stage.session({ address: `192.0.2.${this.#below(250)}`, params }, settings);
    const clockMs = this.#pick([0, 0xffff_0000, this.#below(0xffff_ffff)]) ?? 0;
    const uplink = new Uplink(encode, sink, nowMs, clockMs);
    if (this.#random() < 0.3) uplink.delayMs = this.#below(3000);
    this.#uplinks.push(uplink);
    this.#tell(`encode ${encode.id} comes, ${uplink.delayMs} ms late`);
  }

  #act(come: () => void): void {
    const uplink = this.#pick(this.#uplinks);
    const dice = this.#below(20);
    if (uplink === undefined) {
      if (this.#random() < 0.6) come();
      return;
    }
    const { id } = uplink.encode;
    if (dice < 3 && this.#uplinks.length < 4) come();
    else if (dice < 5) this.#leave(uplink, this.#random() < 0.5 ? "lost" : "finished");
    else if (dice < 12) {
      // What a broadcast begins with may come in a burst: that is its business.
      if (this.#stage.router.health("main") === undefined) return;
      const ailment = this.#pick(AILMENTS) ?? "none";
      uplink.ailment = this.#damages() < DAMAGED_SHARE ? "damaged" : ailment;
      this.#tell(`encode ${id} is ${uplink.ailment}`);
    } else if (dice < 14) {
      uplink.clockMs += this.#pick([3_600_000, -3_600_000, this.#below(0xffff_ffff), 5000, -5000]) ?? 0;
      this.#tell(`encode ${id} has another clock`);
    } else if (dice < 18) {
      for (const one of this.#uplinks) one.ailment = "none";
      this.#tell("all are well");
    } else if (dice === 18) {
      const session = this.#pick(this.#stage.router.health("main")?.sessions ?? []);
      if (session !== undefined) this.#stage.router.switchTo("main", session.id);
      this.#tell(`by hand to session ${session?.id}`);
    } else if (this.#random() < 0.2) {
      this.#tell("all are thrown out");
      this.#stage.router.expel("main", new Fault("KEY_REFUSED", "revoked"));
    }
  }

  #leave(uplink: Uplink, why: "lost" | "finished"): void {
    uplink.sink.end(why, this.#stage.clock.nowMs());
    this.#uplinks.splice(this.#uplinks.indexOf(uplink), 1);
    this.#tell(`encode ${uplink.encode.id} leaves`);
  }

  #tell(what: string): void {
    const sessions = this.#stage.router.health("main")?.sessions.map(({ id, role, state }) => `${id} ${role} ${state}`);
    this.log.push(`${this.#stage.clock.nowMs()} ${what} (${sessions?.join(", ")})`);
    if (this.log.length > 50) this.log.shift();
  }

  async #step(): Promise<void> {
    const { clock, router } = this.#stage;
    const nowMs = clock.nowMs();
    for (const uplink of [...this.#uplinks]) {
      if (uplink.sink.expelled.aborted) this.#uplinks.splice(this.#uplinks.indexOf(uplink), 1);
      else uplink.step(nowMs);
    }
    await clock.advance(STEP_MS);
    if (this.#take === undefined) {
      const subscription = router.find("main")?.subscribe({ name: "checker", from: "window" });
      if (subscription !== undefined) [this.#take, this.#judge] = [() => subscription.take(), this.#stage.judge()];
    }
    this.#judge?.();
    if (this.#take !== undefined) this.#check(this.#take());
  }

  #check(records: readonly LinkRecord[]): void {
    for (const record of records) {
      if (record.type === "skip") throw new Error("a subscriber that reads at once lost frames");
      if (record.type === "end") throw new Error(`the broadcast ended: ${record.why}`);
      this.#checker.take(record);
      if (record.type === "cut") {
        this.#counts.segments++;
        if (record.discontinuity) this.#counts.discontinuities++;
      } else if (record.type === "seal") this.#checkSegment(record.track);
    }
    const wallMs = this.#stage.clock.wallMs();
    const [picture, sound] = [this.#checker.endMicros(0) / 1000, this.#checker.endMicros(1) / 1000];
    // It began with sound alone.
    if (picture === 0 || sound === 0) return;
    const aheadMs = picture - wallMs;
    const apartMs = Math.abs(picture - sound);
    this.#aheadMs.max = Math.max(this.#aheadMs.max, aheadMs);
    this.#aheadMs.min = Math.min(this.#aheadMs.min, aheadMs);
    this.#apartMs = Math.max(this.#apartMs, apartMs);
    if (aheadMs < -BEHIND_MS_MAX) throw new Error(`stream time is ${Math.round(-aheadMs)} ms behind the clock`);
    if (aheadMs > AHEAD_MS_MAX) throw new Error(`stream time is ${Math.round(aheadMs)} ms ahead of the clock`);
    if (apartMs > APART_MS_MAX) throw new Error(`picture and sound end ${Math.round(apartMs)} ms apart`);
  }

  /** No share of a segment is longer than its target duration allows; sound begins where its segment does, or went on while a picture was held. */
  #checkSegment(id: number): void {
    const checker = this.#checker;
    const segment = checker.segments(id).at(-1);
    const track = checker.everyTrack.get(id);
    const cut = checker.cuts.findLast((one) => one.segment === segment?.number);
    if (segment === undefined || track === undefined || cut === undefined) return;
    const seconds = checker.durationMicros(track, segment) / 1e6;
    const most = (checker.hello?.targetDurationSeconds ?? 0) + 0.5;
    if (seconds >= most) throw new Error(`${track.name} lasts ${seconds} s in segment ${segment.number}`);
    const [first] = segment.frames;
    if (first === undefined || track.config.kind === "video") return;
    const afterMicros = ticksToMicros(first.dts, track.timescale) - cut.startMicros;
    if (checker.segments(id).length === 1) return;
    if (Math.abs(afterMicros) > SOUND_FRAME_MICROS) this.#counts.unevenSegments++;
    if (Math.abs(afterMicros) > UNEVEN_MICROS_MAX)
      throw new Error(`${track.name} begins ${afterMicros} µs after segment ${segment.number}`);
  }

  #figures(): EveningFigures {
    const health = this.#stage.router.health("main");
    return {
      ...this.#counts,
      damages: this.#stage.events("session.undecodable"),
      switches: health?.counters.switches ?? 0,
      jumps: health?.counters.interpolated ?? 0,
      aheadMs: this.#aheadMs,
      apartMs: this.#apartMs,
    };
  }
}

/** How far stream time may be behind the clock: an encoder that is a little too slow is borne for three seconds, lagging paths for three more, and it takes a gap and a tick to notice, milliseconds. */
const BEHIND_MS_MAX = 6500;
/** How far it may run ahead, milliseconds. */
const AHEAD_MS_MAX = 15_000;
/** How far picture and sound may end apart, milliseconds: where a path that lags by three seconds dies, its picture is held before its sound is filled. */
const APART_MS_MAX = 3500;
