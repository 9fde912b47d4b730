import type { AdminStream } from "#web/wire.ts";
import type { CatalogueEntry, LiveStatus } from "./ports.ts";

/** One stream as its operator sees it; `histories`: with the graphs' values. */
export function adminStream(
  entry: CatalogueEntry,
  { live, histories }: { live: LiveStatus; histories: boolean },
): AdminStream {
  const { name, title, createdAtMs: createdMs, managedBy, settings, effective: effectiveSettings, keys } = entry;
  const pull = live.pullStatus(name);
  const pulled = pull === undefined ? {} : { pull };
  const stream = { name, title, createdMs, managedBy, settings, effectiveSettings, keys, ...pulled };
  const health = live.status(name);
  const lastAirtime = histories ? live.lastAirtime(name) : undefined;
  if (health === undefined) return { ...stream, health: null, ...(lastAirtime === undefined ? {} : { lastAirtime }) };
  if (histories) return { ...stream, health };
  const tracks = health.tracks.map((track) => ({ ...track, bitrateHistory: [] }));
  const airtime = { ...health.airtime, stretches: health.airtime.stretches.slice(-1) };
  return { ...stream, health: { ...health, tracks, airtime } };
}
