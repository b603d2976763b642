/** Takes what is secret in URLs out of any text: drivers quote what they were given, and the shell may have mixed it up. */
export function hidingSecretsOf(urls: readonly string[]): (text: string) => string {
  // The longest first, so that nothing of it is left over.
  const secrets = urls.flatMap(secretsIn).sort((a, b) => b.length - a.length);
  return (text) =>
    secrets
      .reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text)
      // Of other URLs, too, such as one in the place of a command.
      .replace(/:\/\/[^\s@]*@/g, '://***@')
      .replace(/([?&]password=)[^\s&]*/gi, '$1***');
}

/** A very short one would take half of the text along. */
function secretsIn(url: string): string[] {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const passwords = [parsed?.password, parsed?.searchParams.get('password')];
  return [url, ...passwords.flatMap((found) => (found ? [found, decoded(found)] : []))].filter(
    (secret) => secret.length > 3,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
