import { fileURLToPath } from "node:url";
import type { Observer } from "#observe/event.ts";
import { type Bundle, type BundledFile, bundleBrowser } from "#runtime/bundle.ts";
import { contentHash } from "#runtime/content-hash.ts";
import { gzip } from "#runtime/gzip.ts";
import type { Site } from "./options.ts";

/** Pages with browser code of their own. */
export const PAGES = ["home", "watch", "embed", "admin"] as const;
/** One of {@link PAGES}. */
export type PageName = (typeof PAGES)[number];

/** Below this path lie files whose names change with their contents. */
export const ASSETS_PREFIX = "/assets/";

const IMMUTABLE = "public, max-age=31536000, immutable";
/** Below this size a gzip member is not worth its header, bytes. */
const GZIP_BYTES_MIN = 600;

interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer> | undefined;
}

/** Addresses of what a page loads. */
export interface PageLinks {
  readonly script: string | undefined;
  readonly styles: readonly string[];
  readonly logo: string | undefined;
}

function entryOf(page: PageName): string {
  return fileURLToPath(import.meta.resolve(`#web/${page}.tsx`));
}

const bundles = new Map<boolean, Promise<Bundle>>();

/** The browser's code does not change while a process runs: it is bundled once. */
function bundleOnce(readable: boolean): Promise<Bundle> {
  let bundle = bundles.get(readable);
  bundle ??= bundleBrowser({ entrypoints: PAGES.map(entryOf), readable });
  bundles.set(readable, bundle);
  return bundle;
}

function assetOf({ bytes, type }: Pick<BundledFile, "bytes" | "type">): Asset {
  const isText = /text|javascript|json|svg/.test(type);
  const zipped = isText && bytes.length >= GZIP_BYTES_MIN ? gzip(bytes) : undefined;
  return { type, bytes, gzipped: zipped };
}

const LOGO_SUFFIX: Readonly<Record<string, string>> = { "image/svg+xml": "svg", "image/png": "png" };

/** The browser's files, bundled once in the background after the start and kept in memory. */
export class PageAssets {
  readonly #assets = new Map<string, Asset>();
  readonly #extraStyles: string[] = [];
  #logo: string | undefined;
  #bundle: Bundle | undefined;
  /** Resolves when the files are there, or could not be made: then pages are served without script. */
  readonly ready: Promise<void>;

  constructor(options: { readonly site: Site; readonly observer: Observer; readonly readable?: boolean }) {
    const { site, observer, readable = false } = options;
    if (site.accent !== undefined) {
      const bytes = new TextEncoder().encode(`:root{--accent:${site.accent};--accent-ink:${site.accent}}\n`);
      const name = `site-${contentHash(bytes)}.css`;
      this.#assets.set(name, assetOf({ bytes, type: "text/css; charset=utf-8" }));
      this.#extraStyles.push(ASSETS_PREFIX + name);
    }
    if (site.logo !== undefined) {
      const name = `logo-${contentHash(site.logo.bytes)}.${LOGO_SUFFIX[site.logo.type] ?? "img"}`;
      this.#assets.set(name, assetOf(site.logo));
      this.#logo = ASSETS_PREFIX + name;
    }
    this.ready = this.#build(observer, readable);
  }

  async #build(observer: Observer, readable: boolean): Promise<void> {
    try {
      const bundle = await bundleOnce(readable);
      for (const [name, file] of bundle.files) this.#assets.set(name, assetOf(file));
      this.#bundle = bundle;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      observer.event(
        "error",
        "api.assets.failed",
        { error: message },
        "the pages' scripts do not build: pages are plain",
      );
    }
  }

  /** What this page loads; without script until {@link ready}. */
  links(page: PageName): PageLinks {
    const entry = entryOf(page);
    const script = this.#bundle?.scripts.get(entry);
    const style = this.#bundle?.styles.get(entry);
    return {
      script: script === undefined ? undefined : ASSETS_PREFIX + script,
      styles: [...(style === undefined ? [] : [ASSETS_PREFIX + style]), ...this.#extraStyles],
      logo: this.#logo,
    };
  }

  /** Answers a request for a file; `undefined` when there is none of this name. */
  respond(name: string, acceptEncoding: string): Response | undefined {
    const asset = this.#assets.get(name);
    if (asset === undefined) return undefined;
    const useGzip = asset.gzipped !== undefined && acceptEncoding.includes("gzip");
    return new Response(useGzip ? asset.gzipped : asset.bytes, {
      headers: {
        "content-type": asset.type,
        "cache-control": IMMUTABLE,
        vary: "Accept-Encoding",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        ...(asset.type.includes("svg")
          ? { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'" }
          : {}),
        ...(useGzip ? { "content-encoding": "gzip" } : {}),
      },
    });
  }
}
