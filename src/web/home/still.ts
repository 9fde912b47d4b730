/** Longest time a still may take, milliseconds. */
const DEADLINE_MS = 6_000;

/** What a media playlist says of the newest picture that can be shown alone. */
export interface StillSource {
  readonly init: string;
  readonly media: string;
}

/** Finds the init segment and the newest part, or else segment, that starts with a keyframe. Addresses are relative to the playlist. */
export function stillSource(playlist: string): StillSource | undefined {
  const init = /#EXT-X-MAP:URI="([^"]+)"/.exec(playlist)?.[1];
  let media: string | undefined;
  for (const line of playlist.split("\n")) {
    if (line.startsWith("#EXT-X-PART:") && line.includes("INDEPENDENT=YES"))
      media = /URI="([^"]+)"/.exec(line)?.[1] ?? media;
    else if (line !== "" && !line.startsWith("#") && !playlist.includes("#EXT-X-PART:")) media = line;
  }
  return init === undefined || media === undefined ? undefined : { init, media };
}

/** The first video variant's address and its codecs. */
export function videoVariant(multivariant: string): { uri: string; codec: string } | undefined {
  const lines = multivariant.split("\n");
  const at = lines.findIndex((line) => line.startsWith("#EXT-X-STREAM-INF:") && line.includes("RESOLUTION="));
  const codecs = /CODECS="([^"]+)"/.exec(lines[at] ?? "")?.[1]?.split(",") ?? [];
  const codec = codecs.find((one) => /^(avc|hvc|hev|av01|vp09)/.test(one));
  const uri = lines[at + 1];
  return codec === undefined || uri === undefined ? undefined : { uri, codec };
}

function next(target: EventTarget, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, () => resolve(), { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}

async function read(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.arrayBuffer();
}

/**
 * Draws what a stream shows just now: one part of its media, decoded once and let go. About as many bytes as a photograph; no part of the
 * server has to decode anything for it. Gives `false` where it cannot be done.
 */
export async function drawStill(stream: string, canvas: HTMLCanvasElement): Promise<boolean> {
  if (typeof MediaSource === "undefined") return false;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const source = new MediaSource();
  const url = URL.createObjectURL(source);
  const video = document.createElement("video");
  try {
    const text = async (from: string): Promise<string> => new TextDecoder().decode(await read(from, signal));
    const top = new URL(`/live/${encodeURIComponent(stream)}/index.m3u8`, window.location.href).href;
    const variant = videoVariant(await text(top));
    if (variant === undefined) return false;
    const playlist = new URL(variant.uri, top).href;
    const found = stillSource(await text(playlist));
    const type = `video/mp4; codecs="${variant.codec}"`;
    if (found === undefined || !MediaSource.isTypeSupported(type)) return false;
    const [init, media] = await Promise.all(
      [found.init, found.media].map((uri) => read(new URL(uri, playlist).href, signal)),
    );
    if (init === undefined || media === undefined) return false;
    video.muted = true;
    const opened = next(source, "sourceopen", signal);
    video.src = url;
    await opened;
    const buffer = source.addSourceBuffer(type);
    for (const bytes of [init, media]) {
      const done = next(buffer, "updateend", signal);
      buffer.appendBuffer(bytes);
      await done;
    }
    source.endOfStream();
    const shown = next(video, "seeked", signal);
    video.currentTime = buffer.buffered.start(0) + 0.05;
    await shown;
    canvas.width = Math.min(video.videoWidth, 640);
    canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    return true;
  } catch {
    // The card's own picture stays; the next round tries again.
    return false;
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  }
}
