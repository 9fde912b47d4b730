import type { BroadcastWindow, Located } from "#packaging/broadcast-window.ts";
import { type ObjectName, parseObjectName } from "#packaging/object-names.ts";
import type { KeptBodies } from "./kept-bodies.ts";
import { Prepared } from "./prepared.ts";

/** Objects never change under their name. */
const IMMUTABLE = "public, max-age=31536000, immutable";

/** An object's path below its broadcast, taken apart. */
export interface ObjectPath {
  readonly track: string;
  readonly name: ObjectName;
}

/** An object that was asked for and is whole. */
export interface ServedObject {
  readonly prepared: Prepared;
  readonly kind: "segment" | "part" | "init";
  readonly path: ObjectPath;
}

/** Cuts `{track}/{name}`; `undefined` when it is no name of ours. */
export function parseObjectPath(rest: string): ObjectPath | undefined {
  const slash = rest.indexOf("/");
  if (slash <= 0) return undefined;
  const name = parseObjectName(rest.substring(slash + 1));
  return name === undefined ? undefined : { track: rest.substring(0, slash), name };
}

/**
 * The objects of one broadcast that somebody has asked for, ready to be sent, by their path below it. They share their bytes with the window, and
 * follow it: what the window lets go is let go here at the next {@link sweep}.
 */
export class ServedObjects {
  readonly #window: BroadcastWindow;
  readonly #kept: KeptBodies;
  readonly #objects = new Map<string, ServedObject>();

  constructor(window: BroadcastWindow, kept: KeptBodies) {
    this.#window = window;
    this.#kept = kept;
  }

  /** An object that was asked for before. */
  get(rest: string): ServedObject | undefined {
    return this.#objects.get(rest);
  }

  /** What stands under that path, as the window says. */
  locate(path: ObjectPath): Located {
    return this.#window.locate(path.track, path.name);
  }

  /** Makes a whole object ready to be sent. */
  admit(rest: string, path: ObjectPath, bytes: Uint8Array): ServedObject {
    const served: ServedObject = {
      // The window's arrays are never backed by shared memory.
      prepared: new Prepared({
        bytes: bytes as Uint8Array<ArrayBuffer>,
        contentType: this.contentType(path.track),
        cacheControl: IMMUTABLE,
        tag: objectTag(rest),
        ranges: true,
      }),
      kind: path.name.kind,
      path,
    };
    this.#objects.set(rest, served);
    return served;
  }

  /** A response has been made: accounts for the second copy it may have begun to keep. */
  account(prepared: Prepared): void {
    if (prepared.isKept) this.#kept.add(prepared);
  }

  contentType(track: string): string {
    return this.#window.track(track)?.track.config.kind === "audio" ? "audio/mp4" : "video/mp4";
  }

  /** Lets go of what has left the window, and of bytes the window has replaced by equal ones elsewhere (the parts of a sealed segment). */
  sweep(): void {
    for (const [rest, object] of this.#objects) {
      const located = this.locate(object.path);
      if (located.state === "ready" && located.bytes === object.prepared.bytes) continue;
      this.#objects.delete(rest);
      this.#kept.drop(object.prepared);
    }
  }

  /** Lets go of everything. */
  clear(): void {
    for (const object of this.#objects.values()) this.#kept.drop(object.prepared);
    this.#objects.clear();
  }
}

/** Entity tag of an object: its path names its contents, on every node alike. */
export function objectTag(rest: string): string {
  return `"${rest}"`;
}
