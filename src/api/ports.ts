import type { EffectiveSettings, StreamSettings } from "#control/stream-settings.ts";
import type { FaultCode } from "#faults/codes.ts";
import type { Fault } from "#faults/fault.ts";
import type { AdminHook, Airtime, KeyInfo, PullHealth, StreamHealth, TargetState } from "#web/wire.ts";

/** A stream as the catalogue describes it. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly createdAtMs: number;
  readonly managedBy: "file" | "platform";
  /** What the stream decides for itself. */
  readonly settings: StreamSettings;
  /** With the platform's settings below. */
  readonly effective: EffectiveSettings;
  /** The keys that are valid now. */
  readonly keys: readonly KeyInfo[];
}

/** A stream with its new key, which can be read this once. */
export interface CatalogueEntryWithKey {
  readonly stream: CatalogueEntry;
  readonly key: string;
  readonly keyId: string;
}

/** What of a stream can be changed; absent: as it was. */
export interface CatalogueChange {
  readonly title?: string;
  /** All settings of its own; the ones left out are the platform's from then on. */
  readonly settings?: StreamSettings;
}

/** A stream that somebody holds a key of. */
export interface PublishAdmission {
  readonly stream: string;
  readonly settings: EffectiveSettings;
}

/** The streams and their keys. */
export interface StreamCatalogue {
  /** What streams use that decide nothing for themselves. */
  readonly defaults: EffectiveSettings;
  /** In the order of their names. */
  list(): readonly CatalogueEntry[];
  get(name: string): CatalogueEntry | undefined;
  /**
   * Who may publish: `path` is the key, or the stream's name beside `key`. Takes the same time whatever is wrong.
   * @throws Fault `KEY_REFUSED`.
   */
  authenticate(credentials: {
    readonly path: string;
    readonly key?: string;
    readonly address: string;
  }): PublishAdmission;
  /** @throws Fault `STREAM_NAME_INVALID`, `STORE_CONFLICT`, `LIMIT_REACHED`, `STORE_FAILED`, `DISK_FULL`. */
  add(stream: { readonly name: string } & CatalogueChange): Promise<CatalogueEntryWithKey>;
  /** @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  update(name: string, change: CatalogueChange): Promise<CatalogueEntry>;
  /** The old keys end now, or after `overlapSeconds`. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `LIMIT_REACHED`, `STORE_FAILED`, `DISK_FULL`. */
  rotateKey(name: string, options: { readonly overlapSeconds?: number }): Promise<CatalogueEntryWithKey>;
  /** @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `KEY_REFUSED` when there is no such key, `STORE_FAILED`, `DISK_FULL`. */
  revokeKey(name: string, keyId: string): Promise<CatalogueEntry>;
  /** @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_FAILED`, `DISK_FULL`. */
  remove(name: string): Promise<void>;
}

/** The token that opens the API and the control room. */
export interface AdminToken {
  /** Never shown; the keys of log-in cookies are derived from it. */
  readonly text: string;
  /** In a time that does not depend on `token`. */
  verify(token: string): boolean;
}

/** What is on air. */
export interface LiveStatus {
  /** Names of the streams on air, interrupted ones included. */
  onAir(): readonly string[];
  /** `undefined` when the stream is not on air. Histories are at most five minutes at one value a second. */
  status(stream: string): StreamHealth | undefined;
  /** Of the last broadcast that ended; `undefined` where none is known. */
  lastAirtime(stream: string): Airtime | undefined;
  /** `undefined` for streams that are not pulled. */
  pullStatus(stream: string): PullHealth | undefined;
  /** Calls `listener` when a broadcast starts, is interrupted, goes on or ends, or its picture size becomes known. The answer ends it. */
  onChange(listener: () => void): () => void;
}

/** Ends what is on air, or changes who is. */
export interface BroadcastStopper {
  /** Puts an encoder session on air at its next keyframe. @throws Fault `SESSION_UNKNOWN`. */
  switchTo(stream: string, session: number): void;
  /** Ends the stream's broadcast now; its encoder's connection closes with `why`. Does nothing when it is not on air. */
  stop(stream: string, why: Fault): void;
}

/** Another server that gets a stream, as the catalogue describes it. */
export interface TargetEntry {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly keyEnd: string;
  readonly rendition: string;
  readonly enabled: boolean;
  /** `file`: declared in the configuration file, and changed there. */
  readonly managedBy: "file" | "platform";
}

/** What of a target is written or to change; what is absent has its default, or stays. */
export interface TargetChange {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly key?: string | undefined;
  readonly rendition?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** The restream targets of every stream. */
export interface TargetCatalogue {
  /** @throws Fault `STREAM_UNKNOWN`. */
  list(stream: string): readonly TargetEntry[];
  /** @throws Fault `STREAM_UNKNOWN`, `CONFIG_INVALID`, `STORE_CONFLICT`, `LIMIT_REACHED`, `STORE_FAILED`, `DISK_FULL`. */
  add(stream: string, target: TargetChange): Promise<TargetEntry>;
  /** @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `TARGET_MANAGED`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  change(stream: string, id: string, change: TargetChange): Promise<TargetEntry>;
  /** @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `TARGET_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  remove(stream: string, id: string): Promise<void>;
}

/** How hooks stand. */
export interface HookStatuses {
  /** In the configuration's order. */
  statuses(): readonly AdminHook[];
}

/** Where a stream is to be fetched from. */
export interface PullChange {
  readonly url: string;
  readonly loop?: boolean | undefined;
}

/** Where streams are fetched from. */
export interface PullCatalogue {
  /** @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  set(stream: string, change: PullChange): Promise<void>;
  /** Nothing happens when it is not fetched. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  remove(stream: string): Promise<void>;
}

/** How targets stand. */
export interface TargetStatuses {
  /** Of each of the stream's targets. */
  statusOf(stream: string): readonly {
    readonly id: string;
    readonly state: TargetState;
    readonly sinceMs: number | undefined;
    readonly nextTryMs: number | undefined;
    readonly lastProblem:
      | {
          readonly code: FaultCode;
          readonly message: string;
          readonly hint: string | undefined;
          readonly atMs: number;
        }
      | undefined;
    readonly sentBytes: number;
    readonly reconnects: number;
    readonly droppedGops: number;
  }[];
}
