/** How much work goes into a picture: the faster, the more bits it takes to look the same. */
export type Profile = "realtime" | "balanced" | "quality";

/**
 * How a segment's pictures are encoded so that another worker can take over at any of them.
 *
 * - `identical`: by a fresh encoder for each segment, so that all workers make the same bytes.
 * - `locked`: by one encoder that runs on, with a structure that never varies: the first picture is an IDR, each other one refers to the one
 *   before it and to nothing else. Workers make different bytes, but those of one go on where the other's end.
 */
export type Coding = "identical" | "locked";
