const URL_IN_TEXT = /\b([A-Za-z][A-Za-z0-9+.-]*:\/\/)(?:[^\s/?#'"@]*@)?([^\s/?#'"]*)[^\s'"]*/g;

/** A text in which URLs keep scheme and host alone: users, passwords, keys and tokens stand in what follows them. Control characters go too. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\p{C}/gu, " ")
    .replaceAll(URL_IN_TEXT, (whole, scheme: string, host: string) =>
      whole.length > scheme.length + host.length ? `${scheme}${host}/…` : whole,
    );
}
