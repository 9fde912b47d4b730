// What the tests of this folder share: an ingest on a free port whose gate remembers everything, and waiting with a deadline.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import { type Ingest, type IngestOptions, startIngest } from "#ingest/index.ts";
import type { TlsIdentity } from "#ingest/listener.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata, Gatekeeper, PublishRequest, PublishSink, SessionEnd } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { systemClock } from "#time/system-clock.ts";

/** One publication as the gate saw it. */
export class RecordingSink implements PublishSink {
  readonly stream: string;
  readonly request: PublishRequest;
  readonly calls: ("configure" | "frame" | "metadata" | "end")[] = [];
  readonly configs: { track: RawTrack; config: TrackConfig }[] = [];
  readonly frames: RawFrame[] = [];
  readonly metadatas: EncoderMetadata[] = [];
  ended: SessionEnd | undefined;
  readonly #expelled = new AbortController();

  constructor(stream: string, request: PublishRequest) {
    this.stream = stream;
    this.request = request;
  }

  get expelled(): AbortSignal {
    return this.#expelled.signal;
  }

  expel(fault: Fault): void {
    this.#expelled.abort(fault);
  }

  configure(track: RawTrack, config: TrackConfig): void {
    this.calls.push("configure");
    this.configs.push({ track, config });
  }

  frame(frame: RawFrame): void {
    this.calls.push("frame");
    this.frames.push(frame);
  }

  metadata(values: EncoderMetadata): void {
    this.calls.push("metadata");
    this.metadatas.push(values);
  }

  end(why: SessionEnd): void {
    if (this.ended !== undefined) throw new Error("ended twice");
    this.calls.push("end");
    this.ended = why;
  }

  framesOf(kind: RawTrack["kind"]): RawFrame[] {
    return this.frames.filter((frame) => frame.track.kind === kind);
  }
}

/** Key that the gate of these tests takes. */
export const GOOD_KEY = "good-key-0123456789";

/** A gate that takes {@link GOOD_KEY}, for any stream name, and remembers. */
export class RecordingGate implements Gatekeeper {
  readonly sinks: RecordingSink[] = [];

  admit(request: PublishRequest): Promise<PublishSink> {
    if (request.path !== GOOD_KEY && request.key !== GOOD_KEY) {
      return Promise.reject(new Fault("KEY_REFUSED", "the stream key is not valid"));
    }
    const sink = new RecordingSink(request.key === undefined ? "main" : request.path, request);
    this.sinks.push(sink);
    return Promise.resolve(sink);
  }
}

/** A running ingest under test. */
export interface IngestUnderTest extends AsyncDisposable {
  readonly ingest: Ingest;
  readonly gate: RecordingGate;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  readonly port: number;
}

/** Starts an ingest on a free port of this machine. */
export async function ingestUnderTest(options: Partial<IngestOptions> = {}): Promise<IngestUnderTest> {
  const gate = new RecordingGate();
  const observer = new RecordingObserver();
  const metrics = new Metrics();
  const rtmp = { host: "127.0.0.1", port: 0 };
  const ingest = await startIngest({ gatekeeper: gate, clock: systemClock, observer, metrics, rtmp, ...options });
  const port = ingest.addresses[0]?.port ?? 0;
  return { ingest, gate, observer, metrics, port, [Symbol.asyncDispose]: () => ingest.close() };
}

/** Waits until `look` gives something, asking again at each turn of the event loop; fails after the deadline. */
export async function eventually<T>(what: string, look: () => T | undefined | false, deadlineMs = 5000): Promise<T> {
  const untilMs = systemClock.nowMs() + deadlineMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (systemClock.nowMs() > untilMs) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await systemClock.sleep(5);
  }
}

/** The test certificate of this name. */
export function testIdentity(name: "first" | "second"): TlsIdentity {
  const read = (part: string): string => readFileSync(join(import.meta.dir, `${name}-${part}.pem`), "utf8");
  return { cert: read("cert"), key: read("key") };
}
