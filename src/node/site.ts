import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { Fault } from "#faults/fault.ts";
import type { Config } from "./config-schema.ts";

/** Largest logo, bytes: every page carries it. */
const LOGO_BYTES_MAX = 524_288;

const TYPES: Readonly<Record<string, string>> = { ".svg": "image/svg+xml", ".png": "image/png" };

/** How the pages call and colour themselves, with the logo read from disk. */
export interface SiteAppearance {
  readonly name: string;
  readonly accent?: string;
  readonly logo?: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string };
}

/** Reads the logo. @throws Fault `CONFIG_INVALID` when it cannot be read, is too large or neither SVG nor PNG. */
export async function loadSite(site: Config["site"]): Promise<SiteAppearance> {
  const { name, accent, logo } = site;
  const plain = { name, ...(accent === undefined ? {} : { accent }) };
  if (logo === undefined) return plain;
  const type = TYPES[extname(logo).toLowerCase()];
  if (type === undefined)
    throw new Fault("CONFIG_INVALID", `site.logo = ${JSON.stringify(logo)}: must be an .svg or .png file`);
  try {
    const bytes = new Uint8Array(await readFile(logo));
    if (bytes.byteLength <= LOGO_BYTES_MAX) return { ...plain, logo: { bytes, type } };
  } catch (cause) {
    throw new Fault(
      "CONFIG_INVALID",
      `site.logo = ${JSON.stringify(logo)}: cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
  throw new Fault(
    "CONFIG_INVALID",
    `site.logo = ${JSON.stringify(logo)}: must not be larger than ${LOGO_BYTES_MAX} bytes`,
  );
}
