/**
 * Restream targets that the configuration file declares. What they are stands in the file alone, their keys too; the store only knows which of them an
 * operator has started or stopped since.
 */
import { createHash } from "node:crypto";
import type { Json } from "#store/ports.ts";
import { checkRendition, checkTargetKey, checkTargetName, checkTargetUrl, type Target } from "./restream-target.ts";

/** A restream target as the configuration file declares it. */
export interface DeclaredTarget {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly rendition: string;
  /** How it begins. */
  readonly enabled: boolean;
}

/** A declared target that was started or stopped by hand. */
export interface SwitchedTarget {
  readonly id: string;
  /** What the file said then; once it says something else, that holds. */
  readonly declared: boolean;
  readonly enabled: boolean;
}

const ID_DIGITS = 10;

/** The same for the same name after each start. */
function idOf(name: string): string {
  return createHash("sha256").update(`declared/${name}`).digest("hex").slice(0, ID_DIGITS);
}

/** The targets as they are now. @throws Fault `CONFIG_INVALID`. */
export function declaredTargets(
  declared: readonly DeclaredTarget[],
  switched: readonly SwitchedTarget[],
): readonly Target[] {
  return declared.map(({ name, url, key, rendition, enabled }) => {
    const id = idOf(checkTargetName(name));
    const byHand = switched.find((one) => one.id === id && one.declared === enabled);
    return {
      id,
      name: checkTargetName(name),
      url: checkTargetUrl(url),
      key: checkTargetKey(key),
      rendition: checkRendition(rendition),
      enabled: byHand?.enabled ?? enabled,
      managedBy: "file",
    };
  });
}

/** Notes that a target was started or stopped; what the file does not declare any more is forgotten. */
export function switchDeclared(
  declared: readonly DeclaredTarget[],
  switched: readonly SwitchedTarget[],
  id: string,
  enabled: boolean,
): readonly SwitchedTarget[] {
  return declared.flatMap((target) => {
    const own = idOf(checkTargetName(target.name));
    const before = switched.find((one) => one.id === own);
    if (own === id) return [{ id, declared: target.enabled, enabled }];
    return before === undefined ? [] : [before];
  });
}

/** What the store keeps of it. */
export function switchedToJson({ id, declared, enabled }: SwitchedTarget): Json {
  return { id, declared, enabled };
}

/** Reads what the store keeps; `undefined` when it is something else. */
export function switchedFromJson(value: Json): SwitchedTarget | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { id, declared, enabled } = value as Readonly<Record<string, Json>>;
  if (typeof id !== "string" || typeof declared !== "boolean" || typeof enabled !== "boolean") return undefined;
  return { id, declared, enabled };
}
