// Run pinned to the load core by `bench/latency.ts`: pushes ten streams frame by frame and follows their parts as a low-latency player does.
// Prints a JSON array of milliseconds from handing a part's last frame to the socket to having the whole part.
import { VIDEO_TIMESCALE } from "#media/track.ts";
import { connectPublisher } from "#protocols/rtmp/client.ts";
import { CLIP_RATE, makeClip, type Clip } from "./clip.ts";

const [http = "", rtmp = "", streams = "10", seconds = "30"] = process.argv.slice(2);
const endMs = performance.now() + Number(seconds) * 1000;
const FRAME_TICKS = VIDEO_TIMESCALE / CLIP_RATE;
const latencies: number[] = [];

async function push(clip: Clip, index: number, sentMs: number[]): Promise<void> {
  const publisher = await connectPublisher({
    url: `${rtmp}/load-key-${index}-0123456789abcdef`,
    encoder: "bench",
    nowMs: () => performance.now(),
  });
  const track = { kind: "video", number: 0 } as const;
  publisher.configure(track, clip.config, 0);
  const startMs = performance.now() + index * 37;
  for (let n = 0; performance.now() < endMs; n++) {
    const dueMs = startMs + (n * 1000) / CLIP_RATE;
    await new Promise((wake) => setTimeout(wake, Math.max(0, dueMs - performance.now())));
    const frame = clip.frames[n % clip.frames.length];
    if (frame === undefined) break;
    sentMs.push(performance.now());
    publisher.frame({
      track,
      dts: Math.round((n * 1000) / CLIP_RATE),
      ptsOffset: 0,
      keyframe: frame.keyframe,
      payload: frame.payload,
    });
  }
  await publisher.close();
}

function find(bytes: Uint8Array, name: string): number {
  const codes = [...name].map((letter) => letter.charCodeAt(0));
  for (let i = 4; i < Math.min(bytes.length, 4096); i++) if (codes.every((code, k) => bytes[i + k] === code)) return i;
  throw new Error(`no ${name} box`);
}

/** Decode time of the first sample and number of samples of a part. */
function samplesOf(bytes: Uint8Array): { dts: number; count: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tfdt = find(bytes, "tfdt");
  return { dts: Number(view.getBigUint64(tfdt + 8)), count: view.getUint32(find(bytes, "trun") + 8) };
}

async function follow(index: number, sentMs: readonly number[]): Promise<void> {
  const base = `${http}/live/load-${index}/source/`;
  let text = "";
  while (text === "") {
    const answer = await fetch(`${base}index.m3u8`);
    const body = await answer.text();
    if (answer.ok) text = body;
    else await new Promise((wake) => setTimeout(wake, 100));
  }
  const first = /^(?!#)(\S+\.m4s)$/m.exec(text)?.[1] ?? /#EXT-X-PART:[^\n]*URI="([^"]+)"/.exec(text)?.[1] ?? "";
  const origin = samplesOf(await (await fetch(base + first)).bytes()).dts;
  while (performance.now() < endMs - 1000) {
    const hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1];
    if (hint === undefined) break;
    const [segment, part] = hint.slice(hint.indexOf("-") + 1).split(".");
    const bytes = await (await fetch(base + hint)).bytes();
    const arrivedMs = performance.now();
    const { dts, count } = samplesOf(bytes);
    const last = Math.round((dts - origin) / FRAME_TICKS) + count - 1;
    const sent = sentMs[last];
    if (sent !== undefined) latencies.push(arrivedMs - sent);
    text = await (await fetch(`${base}index.m3u8?_HLS_msn=${segment}&_HLS_part=${part}`)).text();
  }
}

const clip = makeClip();
await Promise.all(
  Array.from({ length: Number(streams) }, async (_, index) => {
    const sentMs: number[] = [];
    await Promise.all([push(clip, index, sentMs), follow(index, sentMs)]);
  }),
);
console.log(JSON.stringify(latencies));
process.exit(0);
