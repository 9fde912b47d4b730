import type { ProtocolError } from "#faults/fault.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { AmfValue } from "./amf-value.ts";

/** Why a frame was left out: its codec parameters had not come, its structure is broken, or there is no picture in it. */
export type DropReason = "before-config" | "malformed" | "no-picture" | "too-many-tracks";

/** What a publishing encoder's messages mean. */
export type MediaEvent =
  /** New or changed codec parameters; repeated equal ones are not told. */
  | { readonly kind: "config"; readonly track: RawTrack; readonly config: TrackConfig }
  | { readonly kind: "frame"; readonly frame: RawFrame }
  /** `onMetaData`, flat values only. */
  | { readonly kind: "metadata"; readonly values: EncoderMetadata }
  /** Another data message: its handler's name, its values, its time in milliseconds. */
  | { readonly kind: "data"; readonly name: string; readonly values: readonly AmfValue[]; readonly timestamp: number }
  /** A track we cannot carry, told once; its frames are ignored. */
  | { readonly kind: "unsupported"; readonly track: RawTrack; readonly fault: ProtocolError }
  | { readonly kind: "dropped"; readonly track: RawTrack; readonly reason: DropReason };
