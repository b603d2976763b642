/** What AIP-193 asks of `ErrorInfo.reason`. */
const REASON = /^[A-Z][A-Z0-9_]+[A-Z0-9]$/;
const MAX_REASON = 63;
/** And of a key of `ErrorInfo.metadata`. */
const METADATA_KEY = /^[a-z][a-zA-Z0-9-_]+$/;
const MAX_METADATA_KEY = 64;
const SHORTEST_REASON = 3;

/** Why this cannot be a reason; undefined when it can. */
export function reasonProblem(reason: string): string | undefined {
  if (reason.length > MAX_REASON) {
    return `has ${reason.length} characters, use at most ${MAX_REASON}`;
  }
  if (REASON.test(reason)) return undefined;
  return 'must be UPPER_SNAKE_CASE: at least 3 of A-Z, 0-9 and _, from a letter to a letter or digit';
}

/** Why this cannot be a key of the metadata; undefined when it can. */
export function metadataKeyProblem(key: string): string | undefined {
  if (key.length > MAX_METADATA_KEY) {
    return `has ${key.length} characters, use at most ${MAX_METADATA_KEY}`;
  }
  if (METADATA_KEY.test(key)) return undefined;
  return 'must be lowerCamelCase: a-z first, then at least one of letters, digits, - and _';
}

/**
 * The reason that a class of errors has unless it says another one: `OrderNotFoundError` is `ORDER_NOT_FOUND`,
 * `HTTPError` is `HTTP`. The suffix stays where too little would be left (`IOError` is `IO_ERROR`). A name of one or two
 * letters, as minifiers make them, gives no valid reason: see `reasonProblem`.
 */
export function reasonFromClassName(name: string): string {
  const words = upperSnake(name.replace(/(?:Error|Exception)+$/, ''));
  const reason = words.length < SHORTEST_REASON ? upperSnake(name) : words;
  return reason.slice(0, MAX_REASON).replace(/_+$/, '');
}

function upperSnake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/[^a-zA-Z0-9]+/g, '_')
    .replaceAll(/^[_0-9]+|_+$/g, '')
    .toUpperCase();
}
