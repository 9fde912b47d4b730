import { type AirRecord, formatAirRecord, parseAirRecord } from "#router/air-log-record.ts";
import type { AirtimeTable } from "#store/ports.ts";
import { type GuardSurroundings, TableGuard } from "./table-guard.ts";

/** The time lines of broadcasts. Never throws: a full disk costs what is known of them after a restart, not the live stream. */
export interface GuardedAirtimes {
  list(): readonly AirRecord[];
  save(record: AirRecord): boolean;
  remove(stream: string): void;
}

/** Puts time lines into the store, and goes on when that fails. One that cannot be read is forgotten, and that is told. */
export function guardAirtimes({
  table,
  ...around
}: GuardSurroundings & { readonly table: AirtimeTable }): GuardedAirtimes {
  const guard = new TableGuard({ ...around, name: "airtime", plural: "time lines" });
  const remove = (stream: string): void => guard.run({ stream }, () => table.remove(stream));
  return {
    list: () => {
      const records: AirRecord[] = [];
      for (const { stream, body } of guard.run({}, () => table.list()) ?? []) {
        const record = parseAirRecord(stream, body);
        if (record !== undefined) records.push(record);
        else {
          const text = "a stored time line is damaged or of another version: who was on air before is forgotten";
          around.observer.event("warn", "store.airtime.unreadable", { stream }, text);
          remove(stream);
        }
      }
      return records;
    },
    save: (record) =>
      guard.run({ stream: record.stream }, () => {
        table.save(record.stream, formatAirRecord(record));
        return true;
      }) ?? false,
    remove,
  };
}
