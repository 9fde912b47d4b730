import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingObserver } from "#observe/event.ts";
import { loadConfig } from "./config.ts";
import { slateFiles, tellSlateFiles } from "./slate-files.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-slate-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("files that slates cannot be made of are told once each, with what to do; good ones are not", () => {
  const [good, text, gone, dir] = ["good.png", "notes.txt", "gone.mp4", "folder"].map((name) => join(folder, name));
  writeFileSync(good ?? "", "\x89PNG\r\n\x1a\n and so on", "latin1");
  writeFileSync(text ?? "", "a plain text");
  mkdirSync(dir ?? "");
  const path = join(folder, "grandstand.yaml");
  const entries = [gone, gone, text, dir, good, undefined].map((file, i) => {
    const own = file === undefined ? "" : `, slateFile: ${file}`;
    return `  - { name: stream-${i}, key: 0123456789abcdef-${i}${own} }`;
  });
  writeFileSync(path, [`slateFile: ${good}`, "streams:", ...entries].join("\n"));
  const config = loadConfig({ flags: ["--config", path], environment: {} });
  expect(slateFiles(config)).toMatchObject([
    { path: good, streams: [], fault: undefined },
    { path: gone, streams: ["stream-0", "stream-1"] },
    { path: text, streams: ["stream-2"] },
    { path: dir, streams: ["stream-3"] },
  ]);
  const observer = new RecordingObserver();
  tellSlateFiles(config, observer);
  const code = "MEDIA_UNREADABLE";
  expect(observer.named("slate.file.unusable")).toMatchObject([
    {
      level: "warn",
      fields: { file: gone, streams: "stream-0 stream-1", code, hint: expect.stringContaining("correct the path") },
      message: `${gone}: there is no such file; slates show the card instead`,
    },
    { fields: { file: text, hint: expect.stringContaining("PNG") } },
    { fields: { file: dir }, message: `${dir}: it is no file; slates show the card instead` },
  ]);
});

test("a file for all streams that is not there is told, too", () => {
  const config = loadConfig({ flags: ["--slate-file", join(folder, "absent.webp")], environment: {} });
  const observer = new RecordingObserver();
  tellSlateFiles(config, observer);
  expect(observer.events.map(({ fields }) => fields["streams"])).toEqual(["all"]);
});
