import type { Catalogue } from "#control/catalogue.ts";
import type { RawFrame } from "#media/frame.ts";
import type { PublishSink } from "#media/publish.ts";
import type { Router } from "#router/index.ts";
import type { SimulatedClock } from "#time/simulated-clock.ts";
import { encode, VIDEO, videoConfig } from "#timeline/test-encoder.ts";

/** What {@link EncoderUnderTest} publishes to, and as whom. */
export interface EncoderUnderTestOptions {
  readonly router: Router;
  readonly clock: SimulatedClock;
  readonly stream: string;
  /** Lets it in as the node would; absent: nobody is asked. */
  readonly admission?: { readonly catalogue: Catalogue; readonly key: string };
  readonly address?: string;
  readonly encoder?: string;
}

/** The gate lets an encoder's pictures out at the latest after so many seconds of them. */
const ON_AIR_SECONDS_MAX = 10;

/** An encoder of 1280×720 pictures at 30 a second, a keyframe each second, whose session the real gate takes. */
export class EncoderUnderTest {
  readonly #options: EncoderUnderTestOptions;
  #sink: PublishSink;
  #stampMs = 0;

  /** Connects. @throws Fault as catalogue and router do. */
  constructor(options: EncoderUnderTestOptions) {
    this.#options = options;
    this.#sink = this.#connect();
  }

  #connect(): PublishSink {
    const { router, clock, stream, admission, address = "192.0.2.1", encoder = "obs-studio/30.2" } = this.#options;
    const credentials = { path: admission?.key ?? "", address };
    const admitted = admission?.catalogue.authenticate(credentials);
    const { segmentSeconds = 2, partMs = 500, graceSeconds = 60 } = admitted?.settings ?? {};
    const sink = router.openSession(
      {
        stream,
        segmentSeconds,
        partMs,
        graceSeconds,
        windowSeconds: 60,
        quickStart: true,
        whenBusy: "backup",
        switchBack: "sticky",
        title: admitted?.title ?? "",
        continuity: "hold",
        slateAfterMs: 1000,
        slateFile: undefined,
        slateWords: "We'll be right back",
        alwaysOn: false,
      },
      { ...credentials, protocol: "rtmp", app: "live", params: {}, encoder },
    );
    if (admitted !== undefined) admission?.catalogue.published(admitted);
    // Without a word of sound the gate begins with the first keyframe.
    sink.metadata({ width: 1280, height: 720, framerate: 30, encoder }, clock.nowMs());
    sink.configure(VIDEO, videoConfig(), clock.nowMs());
    return sink;
  }

  /** Whether the gate has thrown it out, and why. */
  get expelled(): AbortSignal {
    return this.#sink.expelled;
  }

  #frames(seconds: number): { raw: RawFrame; arrivalMs: number }[] {
    const rate = { num: 30, den: 1 };
    const startStamp = this.#stampMs;
    this.#stampMs += seconds * 1000;
    return encode({ seconds, video: { rate, gopFrames: 30 }, startStamp, jitterMs: 0 }, this.#options.clock.nowMs());
  }

  /** Sends that many seconds of pictures, in as much simulated time. */
  async push(seconds: number): Promise<void> {
    const { clock } = this.#options;
    for (const { raw, arrivalMs } of this.#frames(seconds)) {
      await clock.advance(Math.max(0, arrivalMs - clock.nowMs()));
      this.#sink.frame(raw, clock.nowMs());
    }
  }

  /** Sends pictures until the stream is live. */
  async goLive(): Promise<void> {
    const { router, stream } = this.#options;
    for (let seconds = 0; router.health(stream)?.state !== "live"; seconds++) {
      if (seconds > ON_AIR_SECONDS_MAX) throw new Error(`${stream} is not live after ${seconds} s of pictures`);
      await this.push(1);
    }
  }

  /** The connection breaks. */
  disconnect(): void {
    this.#sink.end("lost", this.#options.clock.nowMs());
  }

  /** Connects again and goes on air. */
  async reconnect(): Promise<void> {
    this.#sink = this.#connect();
    await this.goLive();
  }
}
