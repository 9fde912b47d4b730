import { Fault } from "#faults/fault.ts";

/** One file for the browser. */
export interface BundledFile {
  /** Content-hashed file name: never the same for other bytes, so that it may be cached for ever. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Media type for the `Content-Type` header. */
  readonly type: string;
}

/** What {@link bundleBrowser} made, all of it in memory. */
export interface Bundle {
  /** Every file by its name: entry scripts, shared chunks, style sheets, imported images. */
  readonly files: ReadonlyMap<string, BundledFile>;
  /** File name of the script made from an entry point, by the entry point as it was given. */
  readonly scripts: ReadonlyMap<string, string>;
  /** File name of the style sheet an entry point imports, by the entry point; absent where it imports none. */
  readonly styles: ReadonlyMap<string, string>;
}

/** What {@link bundleBrowser} needs. */
export interface BundleOptions {
  /** Absolute paths of the entry modules. Their base names must differ. */
  readonly entrypoints: readonly string[];
  /** Readable output with source maps inside, for development. Default false. */
  readonly readable?: boolean;
  /** What the code's `process.env` style constants become: JavaScript expressions by name. */
  readonly define?: Readonly<Record<string, string>>;
  /** Module that `jsxImportSource` names. Default `preact`. */
  readonly jsxImportSource?: string;
}

function baseName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  const dot = file.lastIndexOf(".");
  return dot > 0 ? file.slice(0, dot) : file;
}

/**
 * Bundles browser code: one minified, content-hashed script per entry point with shared chunks beside it, style sheets on their own. Nothing is
 * written to disk.
 * @throws Fault CONFIG_INVALID naming the first file, line and message when the code does not build.
 */
export async function bundleBrowser(options: BundleOptions): Promise<Bundle> {
  const built = await Bun.build({
    entrypoints: [...options.entrypoints],
    target: "browser",
    format: "esm",
    splitting: true,
    minify: options.readable !== true,
    sourcemap: options.readable === true ? "inline" : "none",
    naming: { entry: "[name]-[hash].[ext]", chunk: "chunk-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    jsx: { runtime: "automatic", importSource: options.jsxImportSource ?? "preact", development: false },
    define: { "process.env.NODE_ENV": '"production"', ...options.define },
    throw: false,
  });
  if (!built.success) {
    const first = built.logs[0];
    const at = first?.position ? `${first.position.file}:${first.position.line}` : undefined;
    throw new Fault("CONFIG_INVALID", `browser code does not build: ${first?.message ?? "unknown reason"}`, {
      ...(at === undefined ? {} : { at }),
      hint: "mend the source file and start again",
    });
  }
  const files = new Map<string, BundledFile>();
  const scripts = new Map<string, string>();
  const styles = new Map<string, string>();
  for (const output of built.outputs) {
    const name = output.path.slice(output.path.lastIndexOf("/") + 1);
    const bytes = new Uint8Array(await output.arrayBuffer());
    files.set(name, { name, bytes, type: output.type });
    const stem = name.slice(0, name.lastIndexOf("-"));
    const entry = options.entrypoints.find((path) => baseName(path) === stem);
    if (entry === undefined) continue;
    if (output.kind === "entry-point") scripts.set(entry, name);
    else if (name.endsWith(".css")) styles.set(entry, name);
  }
  return { files, scripts, styles };
}
