/** An option that nobody knows would be believed to do something. */
export const unknownOptions = (given: object, known: readonly string[]): string[] =>
  Object.keys(given)
    .filter((key) => !known.includes(key))
    .map((key) => `${key}: there is no such option. Known are ${known.join(', ')}.`);
