import { type Frame, FrameFlag, type RawFrame } from "#media/frame.ts";
import type { PublishSink } from "#media/publish.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { randomFrom } from "#timeline/test-encoder.ts";
import { TimelineChecker } from "#timeline/timeline-checker.ts";
import type { BroadcastSettings } from "./ports.ts";
import { AUDIO, AUDIO_CONFIG, Stage, VIDEO, VIDEO_CONFIG } from "./router-rig.ts";

/*
 * One encode over two connections that are killed, stalled and delayed at random, on simulated time, as far as a subscriber sees it. Tests only.
 */

/** How far simulated time moves at once, milliseconds. */
const STEP_MS = 10;
/** How long an encoder waits before it connects again, milliseconds. */
const RECONNECT_MS = 300;
/** The longest stall and lag, milliseconds. */
const LATE_MS = 3000;
/** The longest pause before a fault, milliseconds. */
const PAUSE_MS = 600;
/** How much of the encode lies between the first and the second of two stalls at least, milliseconds. */
const TOGETHER_MS = 100;
/** How long the paths may take to be one again, milliseconds. */
const HEAL_MS = 15_000;
/** What follows the last fault, milliseconds. */
const AFTER_MS = 10_000;
/** Encoders round to milliseconds. */
const ROUNDING_MS = 3;
/** What is left out at once is that much shorter than stalls are. */
const DROPPED_SHARE = 0.2;
const GOP_FRAMES = 30;

interface Made {
  readonly frame: RawFrame;
  readonly madeMs: number;
}

/** One encode: 30 pictures and 47 sounds a second, each with bytes of its own. */
class Encode {
  readonly made: Made[] = [];
  readonly #startMs: number;
  #pictures = 0;
  #sounds = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** What comes out until then, in order. */
  until(nowMs: number): readonly Made[] {
    const from = this.made.length;
    for (;;) {
      const pictureMs = (this.#pictures * 1000) / 30;
      const soundMs = (this.#sounds * 1024) / 48;
      const dts = Math.min(pictureMs, soundMs);
      if (this.#startMs + dts > nowMs) return this.made.slice(from);
      const isPicture = pictureMs <= soundMs;
      const at = isPicture ? this.#pictures++ : this.#sounds++;
      this.made.push({
        madeMs: this.#startMs + dts,
        frame: {
          track: isPicture ? VIDEO : AUDIO,
          dts: Math.round(dts),
          ptsOffset: 0,
          keyframe: !isPicture || at % GOP_FRAMES === 0,
          payload: payloadOf(at, isPicture),
        },
      });
    }
  }
}

function payloadOf(at: number, isPicture: boolean): Uint8Array {
  const payload = new Uint8Array(12);
  const view = new DataView(payload.buffer);
  view.setUint32(0, Math.imul(at + 1, 0x9e_37_79_b1));
  view.setUint32(4, at);
  payload[8] = Number(isPicture);
  return payload;
}

/** A connection of the encoder and a relay before it: what it takes is not read while it stalls, and goes on after its lag. */
class Uplink {
  readonly #connect: () => PublishSink;
  readonly #random: () => number;
  #sink: PublishSink | undefined;
  #offset = 0;
  #hasBegun = false;
  #connectMs: number;
  #unread: RawFrame[] = [];
  #waiting: { readonly cameMs: number; readonly dueMs: number; readonly frame: RawFrame }[] = [];
  #lagMs = 0;
  #stalledUntilMs = 0;
  #changedMs = 0;
  #deliveredMs = 0;
  #dropsUntilMs = 0;

  constructor(nowMs: number, random: () => number, connect: () => PublishSink) {
    this.#connectMs = nowMs;
    this.#random = random;
    this.#connect = connect;
  }

  /** What came after the last fault is at the other end. */
  get isFlowing(): boolean {
    return this.#deliveredMs > Math.max(this.#changedMs, this.#stalledUntilMs);
  }

  /** How late what it takes now is at the other end, milliseconds. */
  get lagMs(): number {
    return this.#lagMs;
  }

  kill(nowMs: number): void {
    this.#changedMs = nowMs;
    this.#lagMs = 0;
    this.#unread = [];
    this.#waiting = [];
    this.#connectMs = nowMs + RECONNECT_MS;
    this.#sink?.end("lost", nowMs);
    this.#sink = undefined;
  }

  stall(ms: number, nowMs: number): void {
    this.#changedMs = nowMs;
    this.#stalledUntilMs = nowMs + ms;
  }

  lag(ms: number, nowMs: number): void {
    this.#changedMs = nowMs;
    this.#lagMs = ms;
  }

  /** Leaves out what is made until then. */
  drop(untilMs: number): void {
    this.#dropsUntilMs = untilMs;
  }

  /** Whether it is flowing is asked for what comes after that. */
  touch(changedMs: number): void {
    this.#changedMs = changedMs;
  }

  step(made: readonly Made[], nowMs: number): void {
    if (this.#sink === undefined && nowMs >= this.#connectMs) {
      this.#sink = this.#connect();
      this.#offset = Math.floor(this.#random() * 0xff_ff_ff_ff);
      this.#hasBegun = false;
    }
    const sink = this.#sink;
    if (sink === undefined) return;
    for (const { frame } of made) if (nowMs >= this.#dropsUntilMs || !this.#hasBegun) this.#send(sink, frame, nowMs);
    if (nowMs < this.#stalledUntilMs) return;
    for (const frame of this.#unread.splice(0))
      this.#waiting.push({ cameMs: nowMs, dueMs: nowMs + this.#lagMs, frame });
    for (let next = this.#waiting[0]; next !== undefined && next.dueMs <= nowMs; next = this.#waiting[0]) {
      this.#waiting.shift();
      if (sink.expelled.aborted) throw new Error("a path was thrown out");
      sink.frame(next.frame, nowMs);
      this.#deliveredMs = next.cameMs;
    }
  }

  #send(sink: PublishSink, frame: RawFrame, nowMs: number): void {
    if (!this.#hasBegun) {
      if (frame.track !== VIDEO || !frame.keyframe) return;
      this.#hasBegun = true;
      sink.configure(VIDEO, VIDEO_CONFIG, nowMs);
      sink.configure(AUDIO, AUDIO_CONFIG, nowMs);
    }
    this.#unread.push({ ...frame, dts: (frame.dts + this.#offset) >>> 0, payload: frame.payload.slice() });
  }
}

/** What happens to the paths. */
export interface PathsOptions {
  readonly seed: number;
  readonly faults: number;
  /** What one path lacks may strike the other one while it does: it dies, or stalls. */
  readonly isTogether?: boolean;
  /** Paths leave frames out that the other one has. */
  readonly drops?: boolean;
  readonly settings?: Partial<BroadcastSettings>;
}

/** Runs two paths through their faults. Answers how many frames came out. @throws Error where what came out is not what the encoder made. */
export async function runPaths(options: PathsOptions): Promise<number> {
  const paths = new Paths(await Stage.open(), options);
  try {
    return await paths.run();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${options.seed}: ${text}\n${paths.log.slice(-12).join("\n")}`, { cause: error });
  } finally {
    await paths.stage.router.close();
  }
}

class Paths {
  readonly stage: Stage;
  readonly log: string[] = [];
  readonly #options: PathsOptions;
  readonly #random: () => number;
  readonly #encode: Encode;
  readonly #uplinks: readonly [Uplink, Uplink];
  readonly #checker = new TimelineChecker();
  #take: (() => void) | undefined;
  readonly #out = new Map<number, Frame[]>();

  constructor(stage: Stage, options: PathsOptions) {
    this.stage = stage;
    this.#options = options;
    const random = randomFrom(options.seed);
    this.#random = random;
    const nowMs = stage.clock.nowMs();
    this.#encode = new Encode(nowMs);
    const uplink = (): Uplink =>
      new Uplink(nowMs, random, () => stage.session({}, { continuity: "hold", ...options.settings }));
    this.#uplinks = [uplink(), uplink()];
    stage.router.onEvent(({ type }) => {
      if (type !== "stream.live") this.#tell(type);
    });
  }

  async run(): Promise<number> {
    for (let at = 0; at < this.#options.faults; at++) {
      await this.#until(() => this.#isMerged);
      await this.#strike();
      await this.#until(() => this.#uplinks.every(({ isFlowing }) => isFlowing));
    }
    await this.#pause(AFTER_MS);
    const health = this.stage.router.health("main");
    if (health?.counters.switches !== 0 || health.counters.dropped !== 0) throw new Error("it was switched");
    const [pictures = [], sounds = []] = [this.#out.get(0), this.#out.get(1)];
    const made = this.#encode.made.length;
    const out = pictures.length + sounds.length;
    // Reconnects, their keyframes, lags and segments come on top.
    if (made - out > AFTER_MS / 10) throw new Error(`${made - out} frames are still to come`);
    return out;
  }

  async #strike(): Promise<void> {
    const random = this.#random;
    const kinds = [
      ...(["kill", "stall", "lag"] as const),
      ...(this.#options.drops === true ? (["drop"] as const) : []),
    ];
    const kind = kinds[Math.floor(random() * kinds.length)] ?? "kill";
    const path = Math.floor(random() * 2);
    const ms = Math.round(random() * LATE_MS);
    await this.#pause(random() * PAUSE_MS);
    const [struck, other] = path === 0 ? this.#uplinks : this.#uplinks.toReversed();
    if (struck === undefined || other === undefined) return;
    this.#tell(`${kind} of ${path} ${ms}`);
    const nowMs = this.stage.clock.nowMs();
    if (kind === "kill") {
      struck.kill(nowMs);
      return;
    }
    if (kind === "drop") {
      const untilMs = nowMs + ms * DROPPED_SHARE;
      struck.drop(untilMs);
      for (const uplink of this.#uplinks) uplink.touch(untilMs);
      if (this.#options.isTogether !== true || random() < 0.5) return;
      await this.#pause(random() * LATE_MS);
      this.#tell("and it dies");
      struck.kill(this.stage.clock.nowMs());
      return;
    }
    // Together with what it lagged already: nobody waits for longer.
    const isTogether = this.#options.isTogether === true && random() < 0.5;
    const lateMs = isTogether && kind === "stall" ? Math.min(ms, LATE_MS - struck.lagMs) : ms;
    const aheadMs = other.lagMs - struck.lagMs;
    struck[kind](lateMs, nowMs);
    if (!isTogether) return;
    const isDeath = random() < 0.5;
    const pauseMs = random() * lateMs;
    // Where both fall silent at the same frame, it is the encoder that did.
    const isSame = !isDeath && Math.abs(pauseMs - aheadMs) < TOGETHER_MS;
    await this.#pause(isSame ? aheadMs + TOGETHER_MS : pauseMs);
    const forMs = Math.round(random() * (LATE_MS - other.lagMs));
    this.#tell(isDeath ? "and the other one dies" : `and the other one stalls ${forMs}`);
    if (isDeath) other.kill(this.stage.clock.nowMs());
    else other.stall(forMs, this.stage.clock.nowMs());
  }

  get #isMerged(): boolean {
    const states = this.stage.router.health("main")?.sessions.map(({ state }) => state);
    return states?.toSorted().join() === "merged,on-air";
  }

  #tell(what: string): void {
    const sessions = this.stage.router.health("main")?.sessions.map(({ id, state }) => `${id} ${state}`);
    this.log.push(`${this.stage.clock.nowMs()} ${what} (${sessions?.join(", ")})`);
  }

  async #until(isSo: () => boolean): Promise<void> {
    const endMs = this.stage.clock.nowMs() + HEAL_MS;
    while (!isSo()) {
      if (this.stage.clock.nowMs() >= endMs) throw new Error("the paths are not one again");
      await this.#step();
    }
  }

  async #pause(ms: number): Promise<void> {
    const endMs = this.stage.clock.nowMs() + ms;
    while (this.stage.clock.nowMs() < endMs) await this.#step();
  }

  async #step(): Promise<void> {
    const { clock, router } = this.stage;
    const nowMs = clock.nowMs();
    const made = this.#encode.until(nowMs);
    for (const uplink of this.#uplinks) uplink.step(made, nowMs);
    await clock.advance(STEP_MS);
    if (this.#take === undefined) {
      const subscription = router.find("main")?.subscribe({ name: "checker", from: "window" });
      if (subscription === undefined) return;
      this.#take = () => {
        for (const record of subscription.take()) {
          this.#checker.take(record);
          if (record.type === "frame") this.#check(record.frame);
        }
      };
    }
    this.#take();
  }

  /** Each frame is the one that the encoder made after the one before, at its time, and in one piece with it. */
  #check(frame: Frame): void {
    const track = this.#checker.everyTrack.get(frame.track);
    const kind = track?.config.kind === "video" ? VIDEO : AUDIO;
    const out = this.#out.get(frame.track) ?? [];
    this.#out.set(frame.track, out);
    out.push(frame);
    const [first = frame] = out;
    const numberOf = ({ payload }: Frame): number => new DataView(payload.buffer, payload.byteOffset).getUint32(4);
    const at = numberOf(first) + out.length - 1;
    const [isKind, number] = [frame.payload[8] === Number(kind === VIDEO), numberOf(frame)];
    if ((frame.flags & FrameFlag.SLATE) !== 0) throw new Error(`${kind.kind} ${at} is made by us`);
    if ((frame.flags & FrameFlag.DISCONTINUITY) !== 0) throw new Error(`${kind.kind} ${at} is discontinuous`);
    if (!isKind || number !== at) throw new Error(`${kind.kind} ${at} is ${number}`);
    const sinceMs = ticksToMicros(frame.dts - first.dts, track?.timescale ?? 1) / 1000;
    const perFrameMs = kind === VIDEO ? 1000 / 30 : 1024 / 48;
    if (Math.abs(sinceMs - (out.length - 1) * perFrameMs) > ROUNDING_MS)
      throw new Error(`${kind.kind} ${at} is ${sinceMs} ms after the first`);
  }
}
