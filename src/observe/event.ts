/** Severity of a declared event. */
export type EventLevel = "debug" | "info" | "warn" | "error";

/** Values an event may carry. Units come last in the key: `durationMs`, `sizeBytes`. */
export type EventFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * Where things that happened are told: `observer.event("info", "stream.cut", { stream, segment })`.
 * Names are `area.what[.how]`; fields are typed values, never prose with numbers pasted in; `message` is the one line a tired operator reads.
 * The same events feed logs, counters and tests.
 */
export interface Observer {
  event(level: EventLevel, name: string, fields: EventFields, message?: string): void;
}

/** Tells nobody. */
export const silentObserver: Observer = { event: () => undefined };

/** One remembered event of a {@link RecordingObserver}. */
export interface RecordedEvent {
  readonly level: EventLevel;
  readonly name: string;
  readonly fields: EventFields;
  readonly message: string | undefined;
}

/** Remembers events, for tests: they are the tests' eyes. */
export class RecordingObserver implements Observer {
  readonly events: RecordedEvent[] = [];
  event(level: EventLevel, name: string, fields: EventFields, message?: string): void {
    this.events.push({ level, name, fields, message });
  }
  named(name: string): RecordedEvent[] {
    return this.events.filter((event) => event.name === name);
  }
}
