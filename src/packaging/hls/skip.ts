/** `EXT-X-SKIP` in place of the segments a client already has. RFC 8216bis §4.4.5.2. */
export function renderSkip(skippedSegments: number): string {
  return `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skippedSegments}\n`;
}
