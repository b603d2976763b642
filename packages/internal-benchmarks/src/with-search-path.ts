/** The address of a database with this schema first in the search path. What a URL says about options wins over what a pool is told. */
export function withSearchPath(server: string, schema: string): string {
  const url = new URL(server);
  const options = [url.searchParams.get('options'), `-c search_path=${schema}`];
  url.searchParams.set('options', options.filter(Boolean).join(' '));
  // Not every client reads `+` as a space.
  return url.href.replaceAll('+', '%20');
}
