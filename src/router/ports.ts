import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import type { BusyPolicy, Continuity, ReturnPolicy } from "#media/publish.ts";
import type { SlateMaker } from "#media/slate.ts";
import type { VideoConfig } from "#media/track.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import type { AirRecord } from "./air-log-record.ts";

/** Keeps the last checkpoint of each stream. Synchronous: a cut is announced only after its checkpoint is written. */
export interface CheckpointStore {
  load(stream: string): GateCheckpoint | undefined;
  save(stream: string, checkpoint: GateCheckpoint): void;
  remove(stream: string): void;
}

/** Keeps the time line of each stream's last broadcast. Never throws: a store that fails costs what is known after a restart. */
export interface AirtimeStore {
  /** What can be read. */
  list(): readonly AirRecord[];
  /** Answers whether it is stored. */
  save(record: AirRecord): boolean;
  remove(stream: string): void;
}

/** What a decoder said of one keyframe. */
export interface KeyframeJudgement {
  /** `unknown` says nothing of its encoder. */
  readonly verdict: "unknown" | "intact" | "damaged";
  /** What is wrong with it, in a few words. */
  readonly why: string;
}

/** What the router needs from the rest of the node. */
export interface RouterPorts {
  readonly checkpoints: CheckpointStore;
  readonly airtimes: AirtimeStore;
  readonly slates: SlateMaker;
  /** Decodes a keyframe of an encoder that is not on air. Without it an encoder whose pictures could not be decoded stays off air. */
  readonly decodes?: (config: VideoConfig, keyframe: Uint8Array) => Promise<KeyframeJudgement>;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}

/** How a stream is to be written; what the catalogue says of it when an encoder connects. */
export interface BroadcastSettings {
  readonly stream: string;
  /** What viewers read; may be empty. */
  readonly title: string;
  /** Wanted segment duration, seconds. */
  readonly segmentSeconds: number;
  /** Part target, milliseconds; 0: no parts. */
  readonly partMs: number;
  /** How far back players can go, seconds. */
  readonly windowSeconds: number;
  /** How long the broadcast waits for an encoder that is gone, seconds. */
  readonly graceSeconds: number;
  /** What becomes of an encoder that comes while another one is connected. */
  readonly whenBusy: BusyPolicy;
  /** Whether a primary encoder that is back goes on air again. */
  readonly switchBack: ReturnPolicy;
  /** The first segment of a broadcast ends after a second: for streams whose pictures are offered only as they come. */
  readonly quickStart: boolean;
  /** What viewers see while nobody delivers. */
  readonly continuity: Continuity;
  /** For how long the last picture is held before that, milliseconds. */
  readonly slateAfterMs: number;
  /** Absolute path of the picture or clip to show meanwhile; `undefined`: a card is made. */
  readonly slateFile: string | undefined;
  /** Words on the card, 1 to 80 characters. */
  readonly slateWords: string;
  /** On air with its slate before the first encoder and after the last, too. */
  readonly alwaysOn: boolean;
}
