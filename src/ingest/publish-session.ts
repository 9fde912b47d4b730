import { Fault } from "#faults/fault.ts";
import type { PublishProtocol, PublishSink, SessionEnd } from "#media/publish.ts";
import type { EventLevel } from "#observe/event.ts";
import type { Counter, Metrics } from "#observe/metrics.ts";
import type { ConnectionListener, RtmpConnection } from "#protocols/rtmp/connection.ts";
import type { DropReason, MediaEvent } from "#protocols/rtmp/media-event.ts";
import type { PublishOffer } from "#protocols/rtmp/server-event.ts";
import type { IngestPorts } from "./ports.ts";
import type { Refusals } from "./refusals.ts";
import { BitrateMeter, type PublishStatistics } from "./statistics.ts";

/** Counters of all sessions together. */
export interface SessionCounters {
  readonly videoFrames: Counter;
  readonly audioFrames: Counter;
  readonly droppedFrames: Counter;
  readonly refusals: Counter;
  readonly faults: Counter;
  readonly publications: Counter;
}

/** The counters, created once. */
export function sessionCounters(metrics: Metrics): SessionCounters {
  const frames = "Frames taken from encoders.";
  return {
    videoFrames: metrics.counter("grandstand_ingest_frames_total", frames, { kind: "video" }),
    audioFrames: metrics.counter("grandstand_ingest_frames_total", frames, { kind: "audio" }),
    droppedFrames: metrics.counter("grandstand_ingest_frames_dropped_total", "Frames of encoders left out."),
    refusals: metrics.counter("grandstand_ingest_refused_total", "Publications refused."),
    faults: metrics.counter("grandstand_ingest_faults_total", "Connections ended by a fault."),
    publications: metrics.counter("grandstand_ingest_publications_total", "Publications begun."),
  };
}

/** What a session shares with its listener. */
export interface SessionContext extends IngestPorts {
  readonly counters: SessionCounters;
  readonly refusals: Refusals;
  /** Called once when the connection is gone. */
  readonly left: (session: PublishSession) => void;
  /** Whether a fault of a connection that does not publish may be told now: scanners would fill the log. */
  readonly mayTell: (address: string, what: string, nowMs: number) => boolean;
}

/** Joins one connection to the gate: offers, frames and ends go up, expulsion comes down. */
export class PublishSession implements ConnectionListener {
  readonly id: number;
  readonly protocol: PublishProtocol;
  readonly address: string;
  readonly #context: SessionContext;
  #connection: RtmpConnection | undefined;
  #sink: PublishSink | undefined;
  /** Ended by us with an answer that was told already. */
  #refused = false;
  readonly #cancelled = new AbortController();
  readonly #meter = new BitrateMeter();
  #sinceWallMs = 0;
  #sinceMs = 0;
  #bytesBefore = 0;
  #videoFrames = 0;
  #audioFrames = 0;
  #droppedFrames = 0;
  #toldDrops = new Set<DropReason>();
  readonly #onExpelled = (): void => this.#expelled();

  constructor(context: SessionContext, from: { id: number; protocol: PublishProtocol; address: string }) {
    this.#context = context;
    this.id = from.id;
    this.protocol = from.protocol;
    this.address = from.address;
  }

  /** The connection this session listens to; given once, right after both are made. */
  attach(connection: RtmpConnection): void {
    this.#connection = connection;
  }

  get connection(): RtmpConnection | undefined {
    return this.#connection;
  }

  get publishing(): boolean {
    return this.#sink !== undefined;
  }

  /** Deadlines and statistics; a few times a second. */
  tick(nowMs: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#sink !== undefined) this.#meter.sample(connection.session.receivedBytes, nowMs);
    connection.tick(nowMs);
  }

  /** `undefined` while nothing is published. */
  statistics(nowMs: number): PublishStatistics | undefined {
    const session = this.#connection?.session;
    if (session === undefined || this.#sink === undefined) return undefined;
    return {
      id: this.id,
      stream: this.#sink.stream,
      protocol: this.protocol,
      address: this.address,
      encoder: session.encoder,
      sinceMs: this.#sinceWallMs,
      receivedBytes: session.receivedBytes,
      bitrate: this.#meter.bitrate(session.receivedBytes, nowMs),
      videoFrames: this.#videoFrames,
      audioFrames: this.#audioFrames,
      droppedFrames: this.#droppedFrames,
    };
  }

  /** Ends the connection because this node stops: the gate hears `lost`, the encoder finds the line broken and comes again. */
  shutDown(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#sink !== undefined && connection.session.canReconnect) {
      connection.requestReconnect("the server restarts");
    }
    this.#end("lost", this.#context.clock.nowMs(), "the server stops");
    connection.end(new Fault("CONNECTION_LOST", "the server stops"));
  }

  publish(offer: PublishOffer): void {
    void this.#admit(offer);
  }

  async #admit(offer: PublishOffer): Promise<void> {
    const { clock, gatekeeper, refusals } = this.#context;
    const { signal } = this.#cancelled;
    try {
      const askDelayMs = refusals.askDelayMs(this.address, clock.nowMs());
      if (askDelayMs > 0) await clock.sleep(askDelayMs, signal);
      const sink = await gatekeeper.admit({ protocol: this.protocol, address: this.address, ...offer });
      if (signal.aborted) sink.end("lost", clock.nowMs());
      else this.#begin(sink, offer);
    } catch (error) {
      if (signal.aborted) return;
      await this.#refuse(error);
    }
  }

  #begin(sink: PublishSink, offer: PublishOffer): void {
    const { clock, observer, counters } = this.#context;
    this.#sink = sink;
    this.#sinceMs = clock.nowMs();
    this.#sinceWallMs = clock.wallMs();
    this.#videoFrames = 0;
    this.#audioFrames = 0;
    this.#droppedFrames = 0;
    this.#toldDrops = new Set();
    this.#bytesBefore = this.#connection?.session.receivedBytes ?? 0;
    this.#meter.sample(this.#bytesBefore, this.#sinceMs);
    counters.publications.add();
    const { stream } = sink;
    const { protocol, address } = this;
    observer.event(
      "info",
      "ingest.publishing",
      { stream, protocol, address, encoder: offer.encoder },
      "an encoder publishes",
    );
    if (sink.expelled.aborted) this.#expelled();
    else {
      sink.expelled.addEventListener("abort", this.#onExpelled, { once: true });
      this.#connection?.accept();
    }
  }

  async #refuse(error: unknown): Promise<void> {
    const { clock, observer, counters, refusals } = this.#context;
    const fault =
      error instanceof Fault ? error : new Fault("INTERNAL", "a bug kept the publication out", { cause: error });
    counters.refusals.add();
    let delayMs = 0;
    let tell = 1;
    if (fault.code === "KEY_REFUSED" || fault.code === "STREAM_UNKNOWN") {
      ({ delayMs, tell } = refusals.refused(this.address, clock.nowMs()));
    } else if (fault.code !== "INTERNAL") {
      tell = this.#context.mayTell(this.address, fault.code, clock.nowMs()) ? 1 : 0;
    }
    if (tell > 0) {
      const { address, protocol } = this;
      observer.event(
        levelOf(fault, "warn"),
        "ingest.refused",
        { address, protocol, code: fault.code, attempts: tell, hint: fault.hint, ...stack(fault) },
        fault.message,
      );
    }
    try {
      if (delayMs > 0) await clock.sleep(delayMs, this.#cancelled.signal);
    } catch {
      return;
    }
    this.#refused = true;
    this.#connection?.refuse(fault);
  }

  media(event: MediaEvent, nowMs: number): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const { counters, observer } = this.#context;
    switch (event.kind) {
      case "frame":
        if (event.frame.track.kind === "video") {
          this.#videoFrames++;
          counters.videoFrames.add();
        } else {
          this.#audioFrames++;
          counters.audioFrames.add();
        }
        sink.frame(event.frame, nowMs);
        break;
      case "config":
        sink.configure(event.track, event.config, nowMs);
        break;
      case "metadata":
        sink.metadata(event.values, nowMs);
        break;
      case "unsupported": {
        const { kind, number } = event.track;
        const { code, hint, message } = event.fault;
        observer.event("warn", "ingest.track.unsupported", { stream: sink.stream, kind, number, code, hint }, message);
        break;
      }
      case "dropped":
        this.#dropped(event.reason, sink);
        break;
      case "data":
        observer.event("debug", "ingest.data", { stream: sink.stream, name: event.name.slice(0, 64) });
        break;
    }
  }

  #dropped(reason: DropReason, sink: PublishSink): void {
    this.#droppedFrames++;
    this.#context.counters.droppedFrames.add();
    if (this.#toldDrops.has(reason)) return;
    this.#toldDrops.add(reason);
    const level = reason === "no-picture" ? "debug" : "warn";
    this.#context.observer.event(
      level,
      "ingest.frames.dropped",
      { stream: sink.stream, reason },
      "frames are left out",
    );
  }

  finished(nowMs: number): void {
    this.#end("finished", nowMs, "the encoder ended the publication");
  }

  unknownCommand(name: string): void {
    this.#context.observer.event("debug", "ingest.command.unknown", { address: this.address, name });
  }

  ended(fault: Fault, nowMs: number): void {
    this.#cancelled.abort();
    const violation = fault.code !== "CONNECTION_LOST" && !this.#refused;
    if (violation) this.#context.counters.faults.add();
    if (this.#sink !== undefined) this.#end("lost", nowMs, fault.message, fault);
    else if (violation && (fault.code === "INTERNAL" || this.#context.mayTell(this.address, fault.code, nowMs))) {
      this.#tellFault(fault);
    }
  }

  closed(): void {
    this.#context.left(this);
  }

  #tellFault(fault: Fault): void {
    const { address, protocol } = this;
    const { code, at, hint } = fault;
    const fields = { address, protocol, code, at, hint, ...stack(fault) };
    this.#context.observer.event(levelOf(fault, "warn"), "ingest.connection.failed", fields, fault.message);
  }

  #expelled(): void {
    const reason: unknown = this.#sink?.expelled.reason;
    const fault = reason instanceof Fault ? reason : new Fault("KEY_REFUSED", "the publication was ended here");
    this.#end("refused", this.#context.clock.nowMs(), fault.message, fault);
    this.#refused = true;
    this.#connection?.expel(fault);
  }

  /** One line per publication's end. */
  #end(why: SessionEnd, nowMs: number, message: string, fault?: Fault): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#sink = undefined;
    sink.expelled.removeEventListener("abort", this.#onExpelled);
    sink.end(why, nowMs);
    const fields = {
      stream: sink.stream,
      address: this.address,
      why,
      code: fault?.code,
      at: fault?.at,
      durationMs: Math.round(nowMs - this.#sinceMs),
      receivedBytes: (this.#connection?.session.receivedBytes ?? 0) - this.#bytesBefore,
      videoFrames: this.#videoFrames,
      audioFrames: this.#audioFrames,
      droppedFrames: this.#droppedFrames,
      ...(fault === undefined ? {} : stack(fault)),
    };
    const level = why === "finished" ? "info" : levelOf(fault, "warn");
    this.#context.observer.event(level, "ingest.ended", fields, message);
  }
}

function levelOf(fault: Fault | undefined, usual: EventLevel): EventLevel {
  return fault?.code === "INTERNAL" ? "error" : usual;
}

/** The stack of a bug, for its log line; operating errors have none to show. */
function stack(fault: Fault): { stack?: string } {
  return fault.code === "INTERNAL" && fault.cause instanceof Error && fault.cause.stack !== undefined
    ? { stack: fault.cause.stack }
    : {};
}
