import { ByteReader } from "#bytes/reader.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import { type AmfValue, isAmfObject } from "./amf-value.ts";
import { AudioToFrames } from "./audio-to-frames.ts";
import { amfBody } from "./command.ts";
import type { MediaEvent } from "./media-event.ts";
import { type Message, MessageType } from "./message.ts";
import { VideoToFrames } from "./video-to-frames.ts";

/** Values of `onMetaData` that are passed on. */
const METADATA_VALUES_MAX = 64;
/** Characters of a metadata name or text that are passed on. */
const METADATA_TEXT_CHARS_MAX = 200;

/** A publishing encoder's messages to typed events. One per publication: it remembers the tracks and their codec parameters. */
export class ToFrames {
  readonly #video = new VideoToFrames();
  readonly #audio = new AudioToFrames();

  /**
   * Adds what the message means to `events`; messages that are not media or data add nothing.
   * @throws ProtocolError `CODEC_CONFIG_INVALID`, `BYTES_TRUNCATED`, `BYTES_INVALID`, `AMF_INVALID`.
   */
  message(message: Message, events: MediaEvent[]): void {
    switch (message.type) {
      case MessageType.VIDEO:
        this.#video.message(message.payload, message.timestamp, events);
        break;
      case MessageType.AUDIO:
        this.#audio.message(message.payload, message.timestamp, events);
        break;
      case MessageType.DATA_AMF0:
      case MessageType.DATA_AMF3:
        data(message, events);
        break;
      case MessageType.AGGREGATE:
        this.#aggregate(message, events);
        break;
      default:
        break;
    }
  }

  /** Several tags in one message (RTMP 1.0 §7.1.6); their times are moved so that the first has the message's. */
  #aggregate(message: Message, events: MediaEvent[]): void {
    const reader = new ByteReader(message.payload);
    let shift: number | undefined;
    while (reader.remaining > 0) {
      const type = reader.u8();
      const size = reader.u24();
      const low = reader.u24();
      const time = ((reader.u8() << 24) | low) >>> 0;
      reader.skip(3);
      const payload = reader.bytes(size);
      if (reader.remaining >= 4) reader.skip(4);
      shift ??= message.timestamp - time;
      if (type === MessageType.AGGREGATE) continue;
      this.message({ type, streamId: message.streamId, timestamp: (time + shift) >>> 0, payload }, events);
    }
  }
}

function data(message: Message, events: MediaEvent[]): void {
  const values = amfBody(message);
  if (values[0] === "@setDataFrame") values.shift();
  const [name, ...rest] = values;
  if (typeof name !== "string" || name === "@clearDataFrame") return;
  if (name === "onMetaData") events.push({ kind: "metadata", values: flatValues(rest[0]) });
  else events.push({ kind: "data", name, values: rest, timestamp: message.timestamp });
}

function flatValues(value: AmfValue): EncoderMetadata {
  const flat: Record<string, string | number | boolean> = Object.create(null) as Record<
    string,
    string | number | boolean
  >;
  if (!isAmfObject(value)) return flat;
  let count = 0;
  for (const [key, property] of value.properties) {
    if (count === METADATA_VALUES_MAX) break;
    if (typeof property !== "string" && typeof property !== "number" && typeof property !== "boolean") continue;
    flat[key.slice(0, METADATA_TEXT_CHARS_MAX)] =
      typeof property === "string" ? property.slice(0, METADATA_TEXT_CHARS_MAX) : property;
    count++;
  }
  return flat;
}
