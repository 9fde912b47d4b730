/** The time lines of broadcasts that are over, or that the process before left behind. */
import type { AirRecord } from "./air-log-record.ts";
import type { RouterPorts } from "./ports.ts";

/** Streams whose last broadcast's time line is remembered; the one that ended longest ago is forgotten first. */
const LAST_AIRTIMES_MAX = 100;

type Ports = Pick<RouterPorts, "airtimes" | "checkpoints" | "clock">;

/** A broadcast that nobody ended lasted until its last sign of life: the change or the cut that was stored last. */
function asOver(record: AirRecord, { checkpoints, clock }: Ports): AirRecord {
  const { stream, timelineId, airtime } = record;
  if (airtime.endedWhy !== null) return record;
  const checkpoint = checkpoints.load(stream);
  const savedMs = checkpoint?.timelineId === timelineId ? Math.min(checkpoint.savedWallMs, clock.wallMs()) : 0;
  const untilMs = Math.max(airtime.untilMs, Math.round(savedMs));
  return { stream, timelineId, airtime: { ...airtime, untilMs, endedWhy: "crashed" } };
}

/** The last time line of each stream. */
export class LastAirtimes {
  readonly #ports: Ports;
  /** By stream, the latest last. */
  readonly #records = new Map<string, AirRecord>();

  /** Begins with what is stored. */
  constructor(ports: Ports) {
    this.#ports = ports;
    const left = ports.airtimes.list().map((record) => asOver(record, ports));
    left.sort((a, b) => a.airtime.untilMs - b.airtime.untilMs);
    for (const record of left) this.keep(record, () => false);
  }

  of(stream: string): AirRecord | undefined {
    return this.#records.get(stream);
  }

  /** Remembers a time line that is stored already. `isOnAir`: whether what is stored of a stream is that of another broadcast by now. */
  keep(record: AirRecord, isOnAir: (stream: string) => boolean): void {
    this.#records.delete(record.stream);
    this.#records.set(record.stream, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size <= LAST_AIRTIMES_MAX || oldest === undefined) return;
    this.#records.delete(oldest);
    if (!isOnAir(oldest)) this.#ports.airtimes.remove(oldest);
  }

  /** The stream is gone. */
  forget(stream: string): void {
    this.#records.delete(stream);
    this.#ports.airtimes.remove(stream);
  }
}
