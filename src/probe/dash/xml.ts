import { ProtocolError } from "#faults/fault.ts";

/** Deepest nesting that is read. */
const XML_DEPTH_MAX = 64;
/** Most elements that are read: hours of a timeline. */
const XML_ELEMENTS_MAX = 500_000;

/** An element with its attributes, child elements and text. Namespace prefixes are dropped from names. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

function bad(message: string, at: number): ProtocolError {
  return new ProtocolError("NOT_CONFORMING", `not well-formed XML: ${message}`, { at: `character ${at}` });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescape(text: string, at: number): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]{0,10})(;?)/g, (_all, name: string, end: string) => {
    const numeric = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = numeric === null ? undefined : Number.parseInt(numeric[1] ?? numeric[2] ?? "", numeric[1] ? 16 : 10);
    const value = code === undefined ? ENTITIES[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (value === undefined || end !== ";") throw bad(`unknown entity &${name}`, at);
    return value;
  });
}

const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)\s*=\s*("[^"<]*"|'[^'<]*')/y;
const TAG_END = /\s*(\/?)>/y;

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** A reader of well-formed XML without document types: what an MPD needs and nothing that could be abused. */
class XmlReader {
  readonly #text: string;
  #at = 0;
  #elements = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #skipTo(end: string, what: string): void {
    const found = this.#text.indexOf(end, this.#at);
    if (found === -1) throw bad(`${what} does not end`, this.#at);
    this.#at = found + end.length;
  }

  read(): XmlElement {
    let root: XmlElement | undefined;
    const open: { element: XmlElement; name: string }[] = [];
    while (this.#at < this.#text.length) {
      const next = this.#text.indexOf("<", this.#at);
      const between = this.#text.slice(this.#at, next === -1 ? undefined : next);
      const parent = open.at(-1)?.element;
      if (parent !== undefined) parent.text += unescape(between, this.#at);
      else if (between.trim() !== "" && between.trim() !== "\uFEFF") throw bad("text outside the root", this.#at);
      if (next === -1) break;
      this.#at = next;
      if (this.#text.startsWith("<?", next)) this.#skipTo("?>", "a processing instruction");
      else if (this.#text.startsWith("<!--", next)) this.#skipTo("-->", "a comment");
      else if (this.#text.startsWith("<!", next)) throw bad("document types and CDATA are not read", next);
      else if (this.#text.startsWith("</", next)) this.#close(open);
      else root = this.#open(open, root);
    }
    if (open.length > 0) throw bad(`<${open.at(-1)?.name}> is not closed`, this.#at);
    if (root === undefined) throw bad("no element", 0);
    return root;
  }

  #close(open: { element: XmlElement; name: string }[]): void {
    this.#at += 2;
    const name = this.#match(NAME)?.[0];
    const expected = open.pop()?.name;
    if (name === undefined || name !== expected) throw bad(`</${name}> where </${expected}> belongs`, this.#at);
    if (this.#match(/\s*>/y) === null) throw bad("a closing tag does not end", this.#at);
  }

  #open(open: { element: XmlElement; name: string }[], root: XmlElement | undefined): XmlElement {
    this.#at++;
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw bad("a tag without a name", this.#at);
    if (++this.#elements > XML_ELEMENTS_MAX || open.length >= XML_DEPTH_MAX) throw bad("too large", this.#at);
    const attributes = new Map<string, string>();
    for (let match = this.#match(ATTRIBUTE); match !== null; match = this.#match(ATTRIBUTE)) {
      const [, key = "", quoted = ""] = match;
      if (attributes.has(key)) throw bad(`attribute ${key} twice`, this.#at);
      attributes.set(key, unescape(quoted.slice(1, -1), this.#at));
    }
    const end = this.#match(TAG_END);
    if (end === null) throw bad(`<${name}> does not end`, this.#at);
    const element: XmlElement = { name: local(name), attributes, children: [], text: "" };
    const parent = open.at(-1)?.element;
    if (parent === undefined && root !== undefined) throw bad("two roots", this.#at);
    parent?.children.push(element);
    if (end[1] !== "/") open.push({ element, name });
    return root ?? element;
  }
}

/** Parses an XML document. @throws ProtocolError `NOT_CONFORMING` with the character; nothing else, whatever the text. */
export function parseXml(text: string): XmlElement {
  return new XmlReader(text).read();
}
