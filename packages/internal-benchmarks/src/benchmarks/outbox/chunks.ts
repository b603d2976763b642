/** The indexes 0 to `count` - 1, a thousand at a time. */
export function* chunks(count: number, size = 1_000): Generator<number[]> {
  for (let first = 0; first < count; first += size) {
    yield Array.from({ length: Math.min(size, count - first) }, (_, i) => first + i);
  }
}
