import type { Fault } from "#faults/fault.ts";
import { type AmfValue, amfNumber, amfObject } from "./amf-value.ts";
import { answerCapabilities, type Capabilities } from "./capabilities.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { type Command, encodeCommand, statusInfo } from "./command.ts";
import {
  ChunkStreamId,
  controlPayload,
  MessageType,
  PEER_BANDWIDTH_DYNAMIC,
  peerBandwidthPayload,
  UserControl,
  userControlPayload,
} from "./message.ts";

/** Our window acknowledgement size and peer bandwidth, in bytes: what deployed servers announce. */
export const WINDOW_ACK_BYTES = 2_500_000;
/** Our chunk size, in bytes. ffmpeg takes it for its own direction: large chunks cost less, and audio waits at most 60 kB. */
const SERVER_CHUNK_BYTES = 60_000;

/** What a server says, ready to be sent. */
export class ServerAnswers {
  readonly #writer: ChunkWriter = new ChunkWriter();

  /** What to send, in order; empties the queue. */
  takeOutput(): Uint8Array[] {
    return this.#writer.takeOutput();
  }

  /** The handshake's answer. */
  handshake(bytes: Uint8Array): void {
    this.#writer.writeRaw(bytes);
  }

  /** Accepts `connect`: our windows and chunk size, then the result, with what both sides know of Enhanced RTMP. */
  connected(command: Command, capabilities: Capabilities): void {
    this.control(MessageType.WINDOW_ACK_SIZE, controlPayload(WINDOW_ACK_BYTES));
    this.control(MessageType.SET_PEER_BANDWIDTH, peerBandwidthPayload(WINDOW_ACK_BYTES, PEER_BANDWIDTH_DYNAMIC));
    this.#writer.setChunkSize(SERVER_CHUNK_BYTES);
    const enhanced = answerCapabilities(capabilities);
    const properties = amfObject({ fmsVer: "FMS/3,0,1,123", capabilities: 31, mode: 1, ...enhanced });
    const info = statusInfo("status", "NetConnection.Connect.Success", "connection accepted", {
      objectEncoding: amfNumber(command.object, "objectEncoding") ?? 0,
      ...enhanced,
    });
    this.#command(0, encodeCommand("_result", command.transactionId, properties, info));
  }

  /** Refuses `connect`. */
  connectRejected(command: Command, description: string): void {
    const info = statusInfo("error", "NetConnection.Connect.Rejected", description);
    this.#command(0, encodeCommand("_error", command.transactionId, null, info));
  }

  /** Answers a command that wants an answer. */
  result(command: Command, value: number | undefined): void {
    if (command.transactionId === 0) return;
    this.#command(0, encodeCommand("_result", command.transactionId, null, value));
  }

  /** `onStatus` of a message stream. */
  status(streamId: number, level: "status" | "error", code: string, description: string): void {
    const payload = encodeCommand("onStatus", 0, null, statusInfo(level, code, description));
    this.#writer.write({
      chunkStreamId: ChunkStreamId.STATUS,
      type: MessageType.COMMAND_AMF0,
      streamId,
      timestamp: 0,
      payload,
    });
  }

  /** A call of ours to the encoder: `onFCPublish`, `onFCUnpublish`, `onStatus` of the connection. */
  call(name: string, code: string, description: string, more: Readonly<Record<string, AmfValue>> = {}): void {
    this.#command(0, encodeCommand(name, 0, null, statusInfo("status", code, description, more)));
  }

  userControl(event: (typeof UserControl)[keyof typeof UserControl], value: number): void {
    this.control(MessageType.USER_CONTROL, userControlPayload(event, value));
  }

  /** A protocol control message. */
  control(type: number, payload: Uint8Array): void {
    this.#writer.write({ chunkStreamId: ChunkStreamId.CONTROL, type, streamId: 0, timestamp: 0, payload });
  }

  #command(streamId: number, payload: Uint8Array): void {
    const type = MessageType.COMMAND_AMF0;
    this.#writer.write({ chunkStreamId: ChunkStreamId.COMMAND, type, streamId, timestamp: 0, payload });
  }
}

/** What an encoder's user reads when the publication is refused: the fault's words, which must not hold the key. */
export function refusalText(fault: Fault): string {
  return fault.hint === undefined ? fault.message : `${fault.message}. ${fault.hint}`;
}
