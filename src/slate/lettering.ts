import { AV_PIX_FMT_GRAY8 } from "node-av/constants";
import { FFmpegError, Filter, type FilterContext, FilterGraph, Frame } from "node-av/lib";
import { assert } from "#faults/fault.ts";
import type { CardLine } from "./card-layout.ts";
import type { Size } from "./picture-format.ts";

/** How much of a pixel each text covers, 0 to 255: a row after the other. */
export interface Coverage extends Size {
  readonly bytes: Uint8Array;
  readonly strideBytes: number;
}

function filterOf(graph: FilterGraph, kind: string, name: string): FilterContext {
  const filter = Filter.getByName(kind);
  const made = filter === null ? null : graph.allocFilter(filter, name);
  assert(made !== null, `the library has the filter ${kind}`);
  return made;
}

function set(filter: FilterContext, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options))
    FFmpegError.throwIfError(filter.setOption(name, value), `set ${name}`);
  FFmpegError.throwIfError(filter.initStr(null), "set up a filter");
}

/** Draws lines of text, each in the middle of the width, and gives `take` what they cover. @throws FFmpegError. */
export function drawLines(size: Size, lines: readonly CardLine[], take: (coverage: Coverage) => void): void {
  if (lines.length === 0) return;
  const graph = new FilterGraph();
  graph.alloc();
  const blank = new Frame();
  blank.alloc();
  const drawn = new Frame();
  drawn.alloc();
  try {
    const source = filterOf(graph, "buffer", "blank");
    set(source, {
      video_size: `${size.width}x${size.height}`,
      pix_fmt: "gray",
      time_base: "1/1",
      pixel_aspect: "1/1",
    });
    let last = source;
    for (const [i, line] of lines.entries()) {
      const text = filterOf(graph, "drawtext", `line${i}`);
      set(text, {
        fontfile: line.font.path,
        text: line.text,
        // Otherwise `%{…}` would be asked for its value.
        expansion: "none",
        fontsize: String(line.fontPixels),
        fontcolor: line.isQuiet ? "0xbebebe" : "white",
        x: "(w-text_w)/2",
        y: String(line.baseline),
        y_align: "baseline",
      });
      FFmpegError.throwIfError(last.link(0, text, 0), "join filters");
      last = text;
    }
    const sink = filterOf(graph, "buffersink", "drawn");
    set(sink, {});
    FFmpegError.throwIfError(last.link(0, sink, 0), "join filters");
    FFmpegError.throwIfError(graph.configSync(), "set up the drawing of text");
    blank.format = AV_PIX_FMT_GRAY8;
    blank.width = size.width;
    blank.height = size.height;
    FFmpegError.throwIfError(blank.getBuffer(0), "allocate a picture");
    blank.data?.[0]?.fill(0);
    blank.pts = 0n;
    FFmpegError.throwIfError(source.buffersrcAddFrameSync(blank), "draw text");
    FFmpegError.throwIfError(sink.buffersinkGetFrameSync(drawn), "draw text");
    take({ bytes: drawn.data?.[0] ?? new Uint8Array(0), strideBytes: drawn.linesize[0] ?? 0, ...size });
  } finally {
    drawn.free();
    blank.free();
    graph.free();
  }
}
