import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "#faults/fault.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { AudioCodec, TrackConfig, VideoCodec } from "#media/track.ts";
import { RtmpClientSession } from "./client-session.ts";
import { nodeCrypto } from "./connection.ts";
import { parseRtmpUrl } from "./rtmp-url.ts";

/** What {@link connectPublisher} takes. */
export interface PublisherOptions {
  /** `rtmp://` or `rtmps://`, with application and stream key. */
  readonly url: string;
  /** What we call ourselves. */
  readonly encoder: string;
  readonly nowMs: () => number;
  /** False: the plain handshake. Default true. */
  readonly digest?: boolean;
  /** Certificate authorities in PEM that are trusted beside the usual ones. */
  readonly ca?: string;
  /** The server asked us to come again; where `tcUrl` is absent, at the same address. */
  readonly onReconnectRequest?: (tcUrl: string | undefined) => void;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/** Output that may wait for the network before {@link RtmpPublisher.congested} says so, in bytes: 2 s of 6 Mbit/s. */
const CONGESTED_BYTES = 1_500_000;
const TICK_MS = 500;
const FAREWELL_MS = 2000;

/**
 * Connects and publishes; resolves when the server lets frames in.
 * @throws Fault `RTMP_REFUSED`, `RTMP_TIMEOUT`, `CONNECTION_LOST`, `CONFIG_INVALID` for an address that is none.
 */
export async function connectPublisher(options: PublisherOptions): Promise<RtmpPublisher> {
  const publisher = new RtmpPublisher(options);
  await publisher.ready;
  return publisher;
}

/** One publishing connection. Calls after its end are ignored. */
export class RtmpPublisher {
  readonly #session: RtmpClientSession;
  readonly #socket: Socket;
  readonly #options: PublisherOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<Error | null>();
  #drained: PromiseWithResolvers<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #fault: Error | undefined;
  #finished = false;
  #over = false;
  #sentBytes = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { host, port, secure, target } = parseRtmpUrl(options.url);
    this.#session = new RtmpClientSession({
      target,
      crypto: nodeCrypto,
      nowMs: options.nowMs(),
      encoder: options.encoder,
      ...(options.digest === undefined ? {} : { digest: options.digest }),
    });
    const ca = options.ca === undefined ? {} : { ca: options.ca };
    // A name is what a server chooses its certificate by; an address is none (RFC 6066 §3).
    const name = isIP(host) === 0 ? { servername: host } : {};
    this.#socket = secure ? connectTls({ host, port, ...name, ...ca }) : connectPlain({ host, port });
    this.#listen(secure ? "secureConnect" : "connect");
    // Both promises may end unseen: whoever cares asks for them.
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when frames may be sent, rejects with the reason why they never may. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the connection is gone: `null` after {@link close}, the reason otherwise. */
  get closed(): Promise<Error | null> {
    return this.#closed.promise;
  }

  /** Bytes handed to the socket so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Bytes that wait for the network. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** More than {@link CONGESTED_BYTES} wait: leave frames out up to a key frame, or wait for {@link drained}. */
  get congested(): boolean {
    return this.#socket.writableLength > CONGESTED_BYTES;
  }

  /** Whether the server takes the codec: H.264 and AAC any, others one that says so (Enhanced RTMP). Known once {@link ready}. */
  takes(codec: VideoCodec | AudioCodec): boolean {
    return this.#session.takes(codec);
  }

  /** Resolves when everything handed over has left, or the connection is gone. */
  drained(): Promise<void> {
    if (this.#over || this.#socket.writableLength === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  metadata(values: EncoderMetadata): void {
    this.#session.metadata(values);
    this.#flush();
  }

  /** Codec parameters of a track; precedes its frames. `timestamp` in milliseconds. */
  configure(track: RawTrack, config: TrackConfig, timestamp: number): void {
    this.#session.configure(track, config, timestamp);
    this.#flush();
  }

  /** Sends a frame; its times are milliseconds. */
  frame(frame: RawFrame): void {
    this.#session.frame(frame);
    this.#flush();
  }

  /** Says goodbye and closes; resolves when the connection is gone. */
  async close(): Promise<void> {
    if (!this.#over && !this.#finished) {
      this.#finished = true;
      this.#session.finish();
      this.#flush();
      this.#socket.end();
      this.#ready.reject(new Fault("CONNECTION_LOST", "closed before the server let us publish"));
      const timer = setTimeout(() => this.#end(), FAREWELL_MS);
      await this.closed;
      clearTimeout(timer);
    }
    await this.closed;
  }

  /** Breaks the connection as a pulled cable would. */
  destroy(): void {
    this.#end(new Fault("CONNECTION_LOST", "broken on purpose"));
  }

  #listen(connected: string): void {
    const socket = this.#socket;
    socket.on(connected, () => {
      socket.setNoDelay(true);
      this.#flush();
    });
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("drain", () => this.#release());
    socket.on("error", (error: Error & { code?: string }) => {
      const what = `the connection broke (${error.code ?? error.message})`;
      this.#end(this.#session.asking ? this.#hungUp() : new Fault("CONNECTION_LOST", what, { cause: error }));
    });
    socket.on("end", () => this.#end(this.#hungUp()));
    socket.on("close", () => this.#end(new Fault("CONNECTION_LOST", "the connection was closed")));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#options.signal?.addEventListener("abort", () => this.#end(new Fault("CONNECTION_LOST", "given up")), {
      once: true,
    });
  }

  #hungUp(): Fault {
    if (!this.#session.asking) return new Fault("CONNECTION_LOST", "the server closed the connection");
    return new Fault("CONNECTION_LOST", "the server closed the connection when it was asked to let us publish", {
      hint: "Many servers do so when the stream key is wrong: check it.",
    });
  }

  #receive(buffer: Uint8Array): void {
    if (this.#over) return;
    // A plain array: the slice() of node's Buffer does not copy.
    const chunk = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    try {
      for (const event of this.#session.receive(chunk, this.#options.nowMs())) {
        if (event.kind === "publishing") this.#ready.resolve();
        else this.#options.onReconnectRequest?.(event.tcUrl);
      }
      this.#flush();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #tick(): void {
    try {
      this.#session.tick(this.#options.nowMs());
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #flush(): void {
    for (const bytes of this.#session.takeOutput()) {
      this.#sentBytes += bytes.byteLength;
      if (!this.#over) this.#socket.write(bytes);
    }
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #end(why?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#fault = this.#finished ? undefined : why;
    clearInterval(this.#timer);
    this.#socket.destroy();
    this.#release();
    this.#ready.reject(this.#fault ?? new Fault("CONNECTION_LOST", "closed"));
    this.#closed.resolve(this.#fault ?? null);
  }
}
