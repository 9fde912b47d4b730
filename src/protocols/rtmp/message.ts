import { ProtocolError } from "#faults/fault.ts";

/** Message type ids: RTMP 1.0 §5.4 (protocol control) and §7.1 (commands, data, media). */
export const MessageType = {
  SET_CHUNK_SIZE: 1,
  ABORT: 2,
  ACKNOWLEDGEMENT: 3,
  USER_CONTROL: 4,
  WINDOW_ACK_SIZE: 5,
  SET_PEER_BANDWIDTH: 6,
  AUDIO: 8,
  VIDEO: 9,
  DATA_AMF3: 15,
  SHARED_OBJECT_AMF3: 16,
  COMMAND_AMF3: 17,
  DATA_AMF0: 18,
  SHARED_OBJECT_AMF0: 19,
  COMMAND_AMF0: 20,
  AGGREGATE: 22,
} as const;

/** Event types of a user control message: RTMP 1.0 §7.1.7. */
export const UserControl = { STREAM_BEGIN: 0, STREAM_EOF: 1, PING_REQUEST: 6, PING_RESPONSE: 7 } as const;

/** Chunk stream ids we send on: protocol control must use 2 (§5.4), the rest is custom. */
export const ChunkStreamId = { CONTROL: 2, COMMAND: 3, AUDIO: 4, STATUS: 5, VIDEO: 6, DATA: 8 } as const;

/** One whole message of the chunk stream. */
export interface Message {
  /** One of {@link MessageType}, or a number we do not know. */
  readonly type: number;
  /** Message stream id: 0 for the connection itself. */
  readonly streamId: number;
  /** Milliseconds, unsigned 32 bits; it wraps after 49.7 days. */
  readonly timestamp: number;
  /** A buffer of exactly this message; nobody writes to it again. */
  readonly payload: Uint8Array;
}

/** Largest video or aggregate message in bytes. */
export const VIDEO_MESSAGE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Largest audio message in bytes. */
const AUDIO_MESSAGE_BYTES_MAX: number = 256 * 1024;
/** Largest command, data or shared object message in bytes, and of every type we do not know. */
export const AMF_MESSAGE_BYTES_MAX: number = 64 * 1024;
/** Largest protocol control message in bytes: none we know has more than six. */
const CONTROL_MESSAGE_BYTES_MAX = 256;

/** How many bytes a message of this type may have. */
export function messageBytesMax(type: number): number {
  if (type === MessageType.VIDEO || type === MessageType.AGGREGATE) return VIDEO_MESSAGE_BYTES_MAX;
  if (type === MessageType.AUDIO) return AUDIO_MESSAGE_BYTES_MAX;
  return type >= 1 && type <= 6 ? CONTROL_MESSAGE_BYTES_MAX : AMF_MESSAGE_BYTES_MAX;
}

/** The unsigned 32-bit value of a protocol control message. @throws ProtocolError `RTMP_CHUNK` when it is shorter. */
export function controlValue(message: Message): number {
  const { payload } = message;
  if (payload.byteLength < 4) {
    throw new ProtocolError("RTMP_CHUNK", `control message ${message.type} has ${payload.byteLength} bytes, needs 4`);
  }
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}

/** Payload of a protocol control message with one 32-bit value (set chunk size, abort, acknowledgement, window size). */
export function controlPayload(value: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value);
  return payload;
}

/** How a peer applies our bandwidth limit: RTMP 1.0 §5.4.5. */
export const PEER_BANDWIDTH_DYNAMIC = 2;

/** Payload of Set Peer Bandwidth: bytes and limit type. */
export function peerBandwidthPayload(bytes: number, limitType: number): Uint8Array {
  const payload = new Uint8Array(5);
  new DataView(payload.buffer).setUint32(0, bytes);
  payload[4] = limitType;
  return payload;
}

/** Payload of a user control message with one 32-bit value (a stream id or a time). */
export function userControlPayload(event: number, value: number): Uint8Array {
  const payload = new Uint8Array(6);
  const view = new DataView(payload.buffer);
  view.setUint16(0, event);
  view.setUint32(2, value);
  return payload;
}

/** Event type and value of a user control message; `undefined` when it is too short to be one. */
export function parseUserControl(payload: Uint8Array): { event: number; value: number } | undefined {
  if (payload.byteLength < 6) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { event: view.getUint16(0), value: view.getUint32(2) };
}
