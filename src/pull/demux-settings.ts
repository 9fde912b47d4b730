/** What the pull worker is told, as one line of JSON on its standard input. */
export interface DemuxSettings {
  /** The file's path, or the URL as it is opened. */
  readonly input: string;
  /** For messages: where it is, without secrets. */
  readonly place: string;
  /** Begin again at the end, with times that go on. */
  readonly loop: boolean;
  /** Frames leave at their time, not as they are read. */
  readonly paced: boolean;
  /** Protocols the libraries may open, by FFmpeg's names. */
  readonly protocols: readonly string[];
  /** Containers they may read, by FFmpeg's names. */
  readonly formats: readonly string[];
  /** Further options of the protocol. */
  readonly options: Readonly<Record<string, string>>;
}
