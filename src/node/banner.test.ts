import { describe, expect, test } from "bun:test";
import { renderBanner } from "./banner.ts";

const facts = {
  version: "1.2.3",
  ingest: ["rtmp://localhost:1935/live", "rtmp://192.0.2.5:1935/live"],
  web: ["http://localhost:8080", "http://192.0.2.5:8080"],
  stream: { name: "main", key: "0123456789abcdef" },
  streamCount: 1,
  adminToken: "token-token-token",
};

describe("the start banner", () => {
  test("says where to push, with which key, where to watch, and that it listens", () => {
    expect(renderBanner(facts, { colours: false })).toBe(
      [
        "",
        "  Grandstand 1.2.3",
        "",
        "  Push to      rtmp://localhost:1935/live",
        "               rtmp://192.0.2.5:1935/live",
        "  Stream key   0123456789abcdef",
        "  Watch        http://localhost:8080/watch/main",
        "               http://192.0.2.5:8080/watch/main",
        "  Admin page   http://localhost:8080/admin",
        "  Admin token  token-token-token",
        "",
        "  Listening. Stop with Ctrl-C.",
        "",
        "",
      ].join("\n"),
    );
  });

  test("says how to get a key that is not kept, and how to list more streams", () => {
    const text = renderBanner({ ...facts, stream: { name: "final" }, streamCount: 12 }, { colours: false });
    expect(text).toContain("shown once when it was made; a new one: grandstand streams rotate-key final");
    expect(text).toContain("12; all of them: grandstand streams list");
  });

  test("has the same words in colour", () => {
    const coloured = renderBanner(facts, { colours: true });
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(renderBanner(facts, { colours: false }));
    expect(coloured).toContain("\u001b[");
  });
});
