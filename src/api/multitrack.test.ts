import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Problem } from "#web/wire.ts";
import { type ApiUnderTest, makeApi } from "./api-under-test.ts";
import { ATTEMPTS_IN_A_ROW_MAX } from "./attempt-limit.ts";
import { API_BODY_BYTES_MAX } from "./index.ts";
import type { MultitrackDocument } from "./multitrack-document.ts";

const PATH = "/api/v1/multitrack";
const JSON_TYPE = { "content-type": "application/json" };

const CANVAS = { width: 1920, height: 1080, canvas_width: 2560, canvas_height: 1440 };
const FPS_60 = { numerator: 60, denominator: 1 };
const PREFERENCES = {
  maximum_aggregate_bitrate: null,
  maximum_video_tracks: null,
  vod_track_audio: false,
  composition_gpu_index: 1,
  audio_samples_per_sec: 48_000,
  audio_channels: 2,
  audio_max_buffering_ms: 960,
  audio_fixed_buffering: false,
};
const gpu = (vendor_id: number) => ({
  model: "A card",
  vendor_id,
  device_id: 1,
  dedicated_video_memory: 8_000_000_000,
  shared_system_memory: 8_000_000_000,
  driver_version: null,
});
const computer = (name: string, vendorId?: number) => ({
  cpu: { physical_cores: 8, logical_cores: 16, speed: 3600, name: null },
  memory: { total: 32_000_000_000, free: 16_000_000_000 },
  gaming_features: null,
  system: {
    version: "10.0",
    name,
    build: 22_631,
    release: "23H2",
    revision: "1",
    bits: 64,
    arm: false,
    armEmulation: false,
  },
  gpu: vendorId === undefined ? null : [gpu(0x8086), gpu(vendorId)],
});

/** What OBS 32 sends. */
const asked = (authentication: string, change: Record<string, unknown> = {}) => ({
  service: "IVS",
  schema_version: "2025-01-25",
  authentication,
  client: { name: "obs-studio", version: "32.2.2", supported_codecs: ["h264", "av1"] },
  capabilities: computer("Windows", 0x10de),
  preferences: { ...PREFERENCES, canvases: [{ ...CANVAS, framerate: FPS_60 }] },
  ...change,
});

/** What OBS 30.2 sends. */
const askedOld = (authentication: string) => ({
  ...asked(authentication),
  schema_version: "2024-06-04",
  client: { name: "obs-studio", version: "30.2.3", supported_codecs: ["h264"] },
  preferences: { ...PREFERENCES, ...CANVAS, framerate: FPS_60 },
});

const send = (made: ApiUnderTest, body: unknown, query = "", address = "192.0.2.9"): Promise<Response> =>
  made.ask(`${PATH}${query}`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), address });
const documentOf = async (response: Promise<Response>): Promise<MultitrackDocument> => {
  const answer = await response;
  expect(answer.status).toBe(200);
  return (await answer.json()) as MultitrackDocument;
};
const typesOf = ({ encoder_configurations: encoders }: MultitrackDocument): string[] => [
  ...new Set(encoders.map(({ type }) => type)),
];

describe("the multitrack configuration", () => {
  test("tells OBS what to encode and where to send it", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const document = await documentOf(send(made, asked(key)));
    expect(document.meta).toEqual({
      service: "Grandstand",
      schema_version: "2025-01-25",
      config_id: "1080-720-480-360",
    });
    expect(document.status).toEqual({ result: "success", html_en_us: "" });
    expect(document.ingest_endpoints).toEqual([
      { protocol: "RTMP", url_template: "rtmp://stand.example/live/{stream_key}" },
    ]);
    const [best] = document.encoder_configurations;
    expect(best).toEqual({
      type: "obs_nvenc_h264_tex",
      width: 1920,
      height: 1080,
      framerate: FPS_60,
      gpu_scale_type: "OBS_SCALE_BICUBIC",
      colorspace: "VIDEO_CS_709",
      range: "VIDEO_RANGE_PARTIAL",
      format: "VIDEO_FORMAT_NV12",
      settings: {
        rate_control: "CBR",
        bitrate: 9000,
        keyint_sec: 2,
        profile: "high",
        preset: "p4",
        bf: 0,
        lookahead: false,
        disable_scenecut: true,
      },
      canvas_index: 0,
    });
    expect(document.encoder_configurations.map(({ framerate }) => framerate.numerator)).toEqual([60, 60, 30, 30]);
    expect(document.audio_configurations).toEqual({
      live: [{ codec: "aac", track_id: 1, channels: 2, settings: { bitrate: 160 } }],
    });
    expect(made.observer.named("api.multitrack.configured")[0]?.fields).toMatchObject({ stream: "main" });
    expect(JSON.stringify(made.observer.events)).not.toContain(key);
  });

  test("is given to the older version too; who asks for an unknown one gets the newest", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const old = await documentOf(send(made, askedOld(key)));
    expect(old.meta.schema_version).toBe("2024-06-04");
    expect(typesOf(old)).toEqual(["jim_nvenc"]);
    expect(old.encoder_configurations[0]?.settings["preset2"]).toBe("p4");
    const future = await documentOf(send(made, asked(key, { schema_version: "2031-07-01", further: { things: [1] } })));
    expect(future.meta.schema_version).toBe("2025-01-25");
    expect(future.encoder_configurations.length).toBe(4);
  });

  test("has the encoder that the computer most likely has, x264 where that is not known", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const typeFor = async (capabilities: unknown, query = ""): Promise<string[]> =>
      typesOf(await documentOf(send(made, asked(key, { capabilities }), query)));
    expect(await typeFor(computer("Windows", 0x1002))).toEqual(["h264_texture_amf"]);
    expect(await typeFor(computer("Windows", 0x8086))).toEqual(["obs_qsv11_v2"]);
    expect(await typeFor(computer("macOS", 0x106b))).toEqual(["com.apple.videotoolbox.videoencoder.ave.avc"]);
    expect(await typeFor(computer("Debian GNU/Linux", 0x10de))).toEqual(["obs_x264"]);
    expect(await typeFor(computer("Windows", 0x1414))).toEqual(["obs_x264"]);
    expect(await typeFor(computer("Windows"))).toEqual(["obs_x264"]);
    expect(await typeFor(undefined)).toEqual(["obs_x264"]);
    expect(await typeFor(computer("Windows", 0x10de), "?encoder=x264")).toEqual(["obs_x264"]);
    expect(await typeFor(computer("Debian GNU/Linux"), "?encoder=nvenc")).toEqual(["obs_nvenc_h264_tex"]);
    const weak = { ...computer("Windows"), cpu: { physical_cores: 2, logical_cores: 4, speed: null, name: null } };
    const document = await documentOf(send(made, asked(key, { capabilities: weak })));
    expect(document.encoder_configurations.map(({ height }) => height)).toEqual([1080, 360]);
  });

  test("keeps the limits that OBS and the address set", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const canvases = [{ ...CANVAS, framerate: FPS_60 }];
    const limited = { ...PREFERENCES, canvases, maximum_aggregate_bitrate: 4000, maximum_video_tracks: 3 };
    const kilobitsOf = (document: MultitrackDocument): number =>
      [...document.encoder_configurations, ...document.audio_configurations.live].reduce(
        (sum, { settings }) => sum + Number(settings["bitrate"]),
        0,
      );
    const document = await documentOf(send(made, asked(key, { preferences: limited })));
    expect(document.encoder_configurations.length).toBeLessThanOrEqual(3);
    expect(kilobitsOf(document)).toBeLessThanOrEqual(4000);
    expect(kilobitsOf(document)).toBeGreaterThan(3900);
    const less = await documentOf(send(made, asked(key, { preferences: limited }), "?tracks=1&bitrate=2500"));
    expect(less.encoder_configurations.length).toBe(1);
    expect(kilobitsOf(less)).toBeLessThanOrEqual(2500);
    const none = await documentOf(
      send(made, asked(key, { preferences: { ...limited, maximum_aggregate_bitrate: 400 } })),
    );
    expect(none.status.result).toBe("error");
    expect(none.status.html_en_us).toContain("Allow at least 520 kbit/s");
    expect(none.encoder_configurations).toEqual([]);
  });

  test("has keyframes that fit the stream's segments, and the sounds that OBS insists on", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main", settings: { segmentSeconds: 3 } });
    const canvases = [{ ...CANVAS, framerate: FPS_60 }];
    const preferences = { ...PREFERENCES, canvases, vod_track_audio: true, audio_channels: 6 };
    const document = await documentOf(send(made, asked(key, { preferences })));
    expect(document.encoder_configurations.map(({ settings }) => settings["keyint_sec"])).toEqual([1, 1, 1, 1]);
    expect(document.audio_configurations).toEqual({
      live: [{ codec: "aac", track_id: 1, channels: 6, settings: { bitrate: 384 } }],
      vod: [{ codec: "aac", track_id: 2, channels: 6, settings: { bitrate: 384 } }],
    });
  });

  test("warns of a canvas that nobody would see", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const tall = { width: 1080, height: 1920, canvas_width: 1080, canvas_height: 1920, framerate: FPS_60 };
    const canvases = [{ ...CANVAS, framerate: FPS_60 }, tall];
    const document = await documentOf(send(made, asked(key, { preferences: { ...PREFERENCES, canvases } })));
    expect(document.status.result).toBe("warning");
    expect(document.encoder_configurations.every(({ canvas_index: index }) => index === 0)).toBe(true);
  });

  test("sends to RTMPS too where there is such a port, under the public name", async () => {
    await using made = await makeApi({
      ingest: { rtmpPort: 11_935, rtmpsPort: 443 },
      publicUrl: "https://live.example.org",
    });
    const key = await made.add({ name: "main" });
    expect((await documentOf(send(made, asked(key)))).ingest_endpoints).toEqual([
      { protocol: "RTMP", url_template: "rtmp://live.example.org:11935/live/{stream_key}" },
      { protocol: "RTMPS", url_template: "rtmps://live.example.org/live/{stream_key}" },
    ]);
  });

  test("can be pasted: the same without a key, for a picture of a given size", async () => {
    await using made = await makeApi();
    const document = await documentOf(made.ask(`${PATH}?width=1280&height=720&fps=59.94&encoder=amf&tracks=2`));
    expect(document.encoder_configurations.map(({ type, height, framerate }) => [type, height, framerate])).toEqual([
      ["h264_texture_amf", 720, { numerator: 60_000, denominator: 1001 }],
      ["h264_texture_amf", 360, { numerator: 30_000, denominator: 1001 }],
    ]);
    expect(typesOf(await documentOf(made.ask(PATH)))).toEqual(["obs_x264"]);
    for (const query of ["?width=0", "?fps=9999", "?encoder=magic", "?tracks=99", "?height=x"]) {
      expect((await made.ask(`${PATH}${query}`)).status).toBe(400);
    }
  });
});

describe("stream keys of multitrack configurations", () => {
  test("may stand beside the stream's name, and with parameters of the encoder's", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    for (const authentication of [`main?key=${key}`, `${key}?bandwidthtest=true`, ` ${key}\n`]) {
      expect((await documentOf(send(made, asked(authentication)))).status.result).toBe("success");
    }
    for (const authentication of [
      `other?key=${key}`,
      "main",
      "",
      `${key}x`,
      "?key=",
      `main?key=${key}&key=x`.slice(0, 10),
    ]) {
      const { status } = await documentOf(send(made, asked(authentication), "", `192.0.2.${authentication.length}`));
      expect(status).toEqual({ result: "error", html_en_us: expect.stringContaining("not valid") });
    }
  });

  test("that are wrong are told in the document, and slow down who guesses", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    for (let i = 0; i < ATTEMPTS_IN_A_ROW_MAX; i++) {
      const document = await documentOf(send(made, asked(`wrong-${i}`)));
      expect(document.status.html_en_us).toContain("The stream key is not valid");
      expect(document.encoder_configurations).toEqual([]);
      expect(document.ingest_endpoints).toEqual([]);
    }
    expect((await documentOf(send(made, asked(key)))).status.html_en_us).toContain("Too many wrong stream keys");
    expect((await documentOf(send(made, asked(key), "", "192.0.2.10"))).status.result).toBe("success");
    await made.clock.advance(6000);
    expect((await documentOf(send(made, asked(key)))).status.result).toBe("success");
    // The admin token has attempts of its own.
    expect((await made.askAdmin("/api/v1/streams")).status).toBe(200);
  });
});

const partOf = (whole: Readonly<Record<string, unknown>>, name: string): object => {
  const part = whole[name];
  return typeof part === "object" && part !== null ? part : {};
};

describe("bad requests for multitrack configurations", () => {
  test("are refused with what is wrong", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const refused = async (response: Promise<Response>): Promise<string> => {
      const answer = await response;
      expect(answer.status).toBe(400);
      const { code, message } = (await answer.json()) as Problem;
      expect(code).toBe("REQUEST_INVALID");
      return message;
    };
    expect(await refused(send(made, { ...asked(key), authentication: 7 }))).toContain("authentication");
    expect(await refused(send(made, { schema_version: "2025-01-25" }))).toContain("preferences is missing");
    const canvases = [{ ...CANVAS, width: -1, framerate: FPS_60 }];
    const wrong = send(made, asked(key, { preferences: { ...PREFERENCES, canvases } }));
    expect(await refused(wrong)).toContain("preferences.canvases.0.width");
    expect(await refused(send(made, "a text"))).toContain("object");
    expect(await refused(made.ask(PATH, { method: "POST", headers: JSON_TYPE, body: "{" }))).toContain("not JSON");
    expect(await refused(made.ask(PATH, { method: "POST", body: "{}" }))).toContain("must be JSON");
    expect(await refused(made.ask(PATH, { method: "POST", headers: JSON_TYPE }))).toBeDefined();
    const giant = { ...asked(key), further: "x".repeat(API_BODY_BYTES_MAX) };
    expect(await refused(send(made, giant))).toContain(`${API_BODY_BYTES_MAX} bytes`);
    expect(await refused(send(made, asked("k".repeat(2000))))).toContain("authentication");
    expect((await made.ask(PATH, { method: "DELETE" })).headers.get("allow")).toBe("GET, HEAD, POST");
  });

  test("that leave out the picture, or H.264, are told so in the document", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const without = await documentOf(send(made, asked(key, { preferences: PREFERENCES })));
    expect(without.status).toMatchObject({ result: "error", html_en_us: expect.stringContaining("how large") });
    const client = { name: "obs-studio", version: "32.2.2", supported_codecs: ["av1"] };
    expect((await documentOf(send(made, asked(key, { client })))).status.html_en_us).toContain("H.264");
  });

  test("of any shape are answered with a document or a problem, never with a bug", async () => {
    await using made = await makeApi();
    const key = await made.add({ name: "main" });
    const sound: Readonly<Record<string, unknown>> = asked(key);
    const paths = Object.keys(sound).flatMap((top) => {
      const keys = Object.keys(partOf(sound, top));
      return [[top], ...keys.map((name) => [top, name])];
    });
    const bent = fc.tuple(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 })).map(([[top = "", name], value]) => {
      if (name === undefined) return { ...sound, [top]: value };
      return { ...sound, [top]: { ...partOf(sound, top), [name]: value } };
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(bent, fc.jsonValue()), async (body) => {
        const answer = await send(made, body, "", `192.0.2.${Math.floor(Math.random() * 250)}`);
        expect([200, 400]).toContain(answer.status);
        const text = await answer.text();
        if (answer.status === 200) expect(["success", "warning", "error"]).toContain(JSON.parse(text).status.result);
      }),
      { numRuns: 300 },
    );
    expect(made.observer.named("api.request.failed")).toEqual([]);
  }, 20_000);
});
