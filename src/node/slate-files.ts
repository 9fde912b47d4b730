import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import { kindOfFile } from "#slate/file-kind.ts";
import type { Config } from "./config-schema.ts";
import { slateFileOf } from "./platform-settings.ts";

/** A picture or clip that the configuration names for slates. */
export interface SlateFile {
  readonly path: string;
  /** Streams that name it themselves; none where it is for all. */
  readonly streams: readonly string[];
  /** Why it cannot be used, as far as can be told without decoding it. */
  readonly fault: Fault | undefined;
}

function faultOf(path: string): Fault | undefined {
  try {
    kindOfFile(path);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** Every file of the configuration that slates are made of, each once. */
export function slateFiles(config: Config): SlateFile[] {
  const byPath = new Map<string, string[]>();
  const shared = slateFileOf(config, "");
  if (shared !== undefined) byPath.set(shared, []);
  for (const { name, slateFile } of config.streams) {
    const path = slateFile === undefined ? undefined : slateFileOf(config, name);
    if (path === undefined || path === shared) continue;
    byPath.set(path, [...(byPath.get(path) ?? []), name]);
  }
  return Array.from(byPath, ([path, streams]) => ({ path, streams, fault: faultOf(path) }));
}

/** Tells of files that slates cannot be made of, before any is needed. */
export function tellSlateFiles(config: Config, observer: Observer): void {
  for (const { path, streams, fault } of slateFiles(config)) {
    if (fault === undefined) continue;
    const fields = { file: path, streams: streams.join(" ") || "all", code: fault.code, hint: fault.hint };
    observer.event("warn", "slate.file.unusable", fields, `${fault.message}; slates show the card instead`);
  }
}
