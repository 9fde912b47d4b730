/**
 * The client's side of one RTMP connection that publishes, without a socket.
 *
 * ```
 * handshake ──S2──▶ connecting ──_result──▶ creating ──_result──▶ asking ──onStatus Publish.Start──▶ publishing ──finish──▶ over
 * ```
 */
import { ProtocolError } from "#faults/fault.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { AudioCodec, TrackConfig, VideoCodec } from "#media/track.ts";
import { amfObject, amfText } from "./amf-value.ts";
import { offerCapabilities, readServerCodecs, takesCodec } from "./capabilities.ts";
import { AMF_MESSAGE_BYTES_MAX } from "./message.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { type Command, encodeCommand, parseCommand } from "./command.ts";
import { configTag, endTag, frameTag, metadataPayload, type Tag } from "./from-frames.ts";
import { ClientHandshake, type HandshakeCrypto } from "./handshake.ts";
import {
  ChunkStreamId,
  controlPayload,
  controlValue,
  type Message,
  MessageType,
  parseUserControl,
  UserControl,
  userControlPayload,
} from "./message.ts";

/** Where to publish. */
export interface PublishTarget {
  /** `rtmp://host:port/app`. */
  readonly tcUrl: string;
  readonly app: string;
  /** Stream key or name, with its query. */
  readonly name: string;
}

/** What a client session needs. */
export interface ClientSessionOptions {
  readonly target: PublishTarget;
  readonly crypto: HandshakeCrypto;
  readonly nowMs: number;
  /** What we call ourselves, for the server's log. */
  readonly encoder: string;
  /** False: the plain handshake of the specification. Default true. */
  readonly digest?: boolean;
  /** Chunk size of what we send, in bytes. Default {@link CLIENT_CHUNK_BYTES}. */
  readonly chunkBytes?: number;
  /** Time until the server lets us publish, in milliseconds. Default {@link CLIENT_PUBLISH_WITHIN_MS}. */
  readonly publishWithinMs?: number;
}

/** What {@link RtmpClientSession.receive} tells. */
export type ClientEvent =
  | { readonly kind: "publishing" }
  /** The server wants us to come again, at another URL where it says so, while we go on publishing. */
  | { readonly kind: "reconnect"; readonly tcUrl: string | undefined };

/** Default chunk size of what we send, in bytes: video and audio interleave at this grain. */
const CLIENT_CHUNK_BYTES = 60_000;
/** Default time until the server lets us publish, in milliseconds. */
const CLIENT_PUBLISH_WITHIN_MS = 10_000;

const Transaction = {
  CONNECT: 1,
  RELEASE: 2,
  FC_PUBLISH: 3,
  CREATE_STREAM: 4,
  PUBLISH: 5,
  FC_UNPUBLISH: 6,
  DELETE: 7,
} as const;

type State = "handshake" | "connecting" | "creating" | "asking" | "publishing" | "over";

/** One publishing connection's protocol state. Send {@link takeOutput} at once: it begins with the handshake. */
export class RtmpClientSession {
  readonly #options: ClientSessionOptions;
  readonly #handshake: ClientHandshake;
  readonly #reader: ChunkReader = new ChunkReader();
  readonly #writer: ChunkWriter = new ChunkWriter();
  #state: State = "handshake";
  #streamId = 1;
  #deadlineMs: number;
  #lastTimestamp = 0;
  #ackWindowBytes = 2_500_000;
  #ackedBytes = 0;
  #serverCodecs: ReadonlySet<string> = new Set();
  readonly #configs = new Map<RawTrack["kind"], Map<number, TrackConfig>>();

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#reader.messageBytesMax = AMF_MESSAGE_BYTES_MAX;
    this.#handshake = new ClientHandshake(options.crypto, { digest: options.digest ?? true });
    this.#deadlineMs = options.nowMs + (options.publishWithinMs ?? CLIENT_PUBLISH_WITHIN_MS);
    this.#writer.writeRaw(this.#handshake.start());
  }

  /** When {@link tick} must be called; infinite while publishing. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Frames may be sent. */
  get publishing(): boolean {
    return this.#state === "publishing";
  }

  /** The server was asked to let us publish and has not answered. */
  get asking(): boolean {
    return this.#state === "asking";
  }

  /** Whether the server takes the codec: H.264 and AAC any, others one that says so (Enhanced RTMP). Known once publishing. */
  takes(codec: VideoCodec | AudioCodec): boolean {
    return takesCodec(this.#serverCodecs, codec);
  }

  /** What to send, in order; empties the queue. */
  takeOutput(): Uint8Array[] {
    return this.#writer.takeOutput();
  }

  /** Takes the server's next bytes. @throws ProtocolError, `RTMP_REFUSED` with the server's own words; afterwards the session is spent. */
  receive(chunk: Uint8Array, _nowMs: number): ClientEvent[] {
    const events: ClientEvent[] = [];
    let rest = chunk;
    if (this.#state === "handshake") {
      rest = chunk.subarray(this.#handshake.receive(chunk, 0, (answer) => this.#writer.writeRaw(answer)));
      if (!this.#handshake.done) return events;
      this.#connect();
    }
    this.#reader.feed(rest);
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      this.#message(message, events);
    }
    if (this.#reader.offset - this.#ackedBytes >= this.#ackWindowBytes) {
      this.#ackedBytes = this.#reader.offset;
      this.#control(MessageType.ACKNOWLEDGEMENT, controlPayload(this.#ackedBytes % 2 ** 32));
    }
    return events;
  }

  /** @throws ProtocolError `RTMP_TIMEOUT` when the server has not let us publish in time. */
  tick(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    throw new ProtocolError("RTMP_TIMEOUT", `the server did not let us publish in time (state: ${this.#state})`);
  }

  /** Sends `onMetaData`. */
  metadata(values: EncoderMetadata): void {
    this.#write(ChunkStreamId.DATA, MessageType.DATA_AMF0, this.#lastTimestamp, {
      prefix: metadataPayload(values),
      body: new Uint8Array(0),
    });
  }

  /** Sends a track's codec parameters; precedes its frames. `timestamp` in milliseconds. */
  configure(track: RawTrack, config: TrackConfig, timestamp: number): void {
    let configs = this.#configs.get(track.kind);
    if (configs === undefined) this.#configs.set(track.kind, (configs = new Map<number, TrackConfig>()));
    configs.set(track.number, config);
    const tag = configTag(track, config);
    if (tag !== undefined) this.#media(track.kind, timestamp >>> 0, tag);
  }

  /** Sends a frame; its times are milliseconds. Frames of a track without {@link configure} are ignored. */
  frame(frame: RawFrame): void {
    const config = this.#configs.get(frame.track.kind)?.get(frame.track.number);
    if (config !== undefined) this.#media(frame.track.kind, frame.dts >>> 0, frameTag(frame, config.codec));
  }

  /** Says goodbye: ends the sequences and the publication. */
  finish(): void {
    if (this.#state !== "publishing") return;
    for (const [kind, configs] of this.#configs) {
      for (const [number, config] of configs) {
        const tag = endTag({ kind, number }, config.codec);
        if (tag !== undefined) this.#media(kind, this.#lastTimestamp, tag);
      }
    }
    this.#command(0, encodeCommand("FCUnpublish", Transaction.FC_UNPUBLISH, null, this.#options.target.name));
    this.#command(0, encodeCommand("deleteStream", Transaction.DELETE, null, this.#streamId));
    this.#state = "over";
  }

  #connect(): void {
    const { target, encoder, chunkBytes } = this.#options;
    this.#state = "connecting";
    this.#writer.setChunkSize(chunkBytes ?? CLIENT_CHUNK_BYTES);
    const object = amfObject({
      app: target.app,
      type: "nonprivate",
      flashVer: encoder,
      tcUrl: target.tcUrl,
      ...offerCapabilities(),
    });
    this.#command(0, encodeCommand("connect", Transaction.CONNECT, object));
  }

  #message(message: Message, events: ClientEvent[]): void {
    switch (message.type) {
      case MessageType.COMMAND_AMF0:
      case MessageType.COMMAND_AMF3:
        this.#dispatch(parseCommand(message), events);
        break;
      case MessageType.SET_CHUNK_SIZE:
        this.#reader.setChunkSize(controlValue(message));
        break;
      case MessageType.ABORT:
        this.#reader.abort(controlValue(message));
        break;
      case MessageType.WINDOW_ACK_SIZE:
        this.#ackWindowBytes = Math.max(1, controlValue(message));
        break;
      case MessageType.SET_PEER_BANDWIDTH:
        this.#control(MessageType.WINDOW_ACK_SIZE, controlPayload(controlValue(message)));
        break;
      case MessageType.USER_CONTROL: {
        const control = parseUserControl(message.payload);
        if (control?.event === UserControl.PING_REQUEST) {
          this.#control(MessageType.USER_CONTROL, userControlPayload(UserControl.PING_RESPONSE, control.value));
        }
        break;
      }
      default:
        break;
    }
  }

  #dispatch(command: Command, events: ClientEvent[]): void {
    const { name, transactionId } = command;
    if (name === "_result") this.#result(transactionId, command);
    else if (name === "_error") {
      // Servers may refuse releaseStream and FCPublish, which only some know.
      if (transactionId === Transaction.CONNECT || transactionId === Transaction.CREATE_STREAM) throw refused(command);
    } else if (name === "onStatus") this.#status(command, events);
  }

  #result(transactionId: number, command: Command): void {
    const { name } = this.#options.target;
    if (transactionId === Transaction.CONNECT && this.#state === "connecting") {
      this.#state = "creating";
      this.#serverCodecs = readServerCodecs([command.object, ...command.args]);
      this.#command(0, encodeCommand("releaseStream", Transaction.RELEASE, null, name));
      this.#command(0, encodeCommand("FCPublish", Transaction.FC_PUBLISH, null, name));
      this.#command(0, encodeCommand("createStream", Transaction.CREATE_STREAM, null));
    } else if (transactionId === Transaction.CREATE_STREAM && this.#state === "creating") {
      this.#state = "asking";
      const [streamId] = command.args;
      if (typeof streamId === "number" && streamId >= 0 && streamId <= 0xffffffff)
        this.#streamId = Math.floor(streamId);
      this.#command(this.#streamId, encodeCommand("publish", Transaction.PUBLISH, null, name, "live"));
    }
  }

  #status(command: Command, events: ClientEvent[]): void {
    const [info] = command.args;
    const code = amfText(info, "code") ?? "";
    if (code === "NetConnection.Connect.ReconnectRequest") {
      events.push({ kind: "reconnect", tcUrl: amfText(info, "tcUrl") });
    } else if (amfText(info, "level") === "error") {
      throw refused(command);
    } else if (code === "NetStream.Publish.Start" && this.#state === "asking") {
      this.#state = "publishing";
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      events.push({ kind: "publishing" });
    }
  }

  #media(kind: RawTrack["kind"], timestamp: number, tag: Tag): void {
    this.#lastTimestamp = timestamp;
    if (kind === "video") this.#write(ChunkStreamId.VIDEO, MessageType.VIDEO, timestamp, tag);
    else this.#write(ChunkStreamId.AUDIO, MessageType.AUDIO, timestamp, tag);
  }

  #write(chunkStreamId: number, type: number, timestamp: number, tag: Tag): void {
    this.#writer.write({
      chunkStreamId,
      type,
      streamId: this.#streamId,
      timestamp,
      prefix: tag.prefix,
      payload: tag.body,
    });
  }

  #command(streamId: number, payload: Uint8Array): void {
    this.#writer.write({
      chunkStreamId: ChunkStreamId.COMMAND,
      type: MessageType.COMMAND_AMF0,
      streamId,
      timestamp: 0,
      payload,
    });
  }

  #control(type: number, payload: Uint8Array): void {
    this.#writer.write({ chunkStreamId: ChunkStreamId.CONTROL, type, streamId: 0, timestamp: 0, payload });
  }
}

function refused(command: Command): ProtocolError {
  const [info] = command.args;
  const code = amfText(info, "code") ?? command.name;
  const description = amfText(info, "description") ?? "no reason given";
  return new ProtocolError("RTMP_REFUSED", `${description} (${code})`, {
    hint: "Check the address and the stream key.",
  });
}
