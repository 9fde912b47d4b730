import type { HelloRecord, LinkRecord } from "#link/record.ts";
import type { RawTrack } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";
import type { GateCheckpoint } from "./checkpoint.ts";
import type { ClockCounters } from "./session-clock.ts";

/** What a stream wants of its timeline. */
export interface TimelineSettings {
  readonly stream: string;
  /** Wanted segment duration, microseconds. */
  readonly segmentMicros: number;
  /** Part target, microseconds; 0 for none. */
  readonly partTargetMicros: number;
  readonly windowMicros: number;
  /** The first segment of a broadcast ends after a second, wherever keyframes are: players that want a whole one begin sooner. */
  readonly quickStart: boolean;
}

/** Where the timeline goes. All calls are synchronous. */
export interface TimelinePorts {
  /** The broadcast begins: everything a subscriber needs. */
  started(hello: HelloRecord): void;
  emit(record: LinkRecord): void;
  /** Called before each cut is emitted. */
  checkpoint(checkpoint: GateCheckpoint): void;
}

/** What a timeline is made of. */
export interface TimelineOptions {
  readonly settings: TimelineSettings;
  readonly ports: TimelinePorts;
  readonly fence: number;
  /** Identity of a new timeline: 16 random hexadecimal digits. */
  readonly timelineId: string;
  /** What is left of this stream's last timeline. It goes on with it unless that had ended. */
  readonly checkpoint: GateCheckpoint | undefined;
}

/** What went on at the gate since the broadcast began. */
export interface GateCounters extends ClockCounters {
  framesIn: number;
  /** Frames that could not be used. */
  dropped: number;
  /** Frames of silence that filled holes. */
  silent: number;
  /** Pictures held while the encoder was silent. */
  held: number;
  cuts: number;
  /** Cuts without a keyframe. */
  dependentCuts: number;
}

/** A track and its parameters, as a session announced them. */
export interface AnnouncedTrack {
  readonly raw: RawTrack;
  readonly config: TrackConfig;
}
