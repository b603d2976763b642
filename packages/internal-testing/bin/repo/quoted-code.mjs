import { extname } from 'node:path';

/** A marker, with the block behind it where there is one. */
const MARKER = /<!-- code:(?<place>[^\n]*)-->(?:\n+```(?<language>\w+)\n(?<code>[\s\S]*?)```)?/g;
const PLACE = /^ (?<path>[^#\s]+)#(?<region>[\w-]+) $/;

/** A document with the code that its markers name, a marker that has no block included; and how many there are. */
export function quoteCode(document, regionOf) {
  let blocks = 0;
  const text = document.replace(MARKER, (...match) => {
    const { place, language } = match.at(-1);
    const { path, region } = PLACE.exec(place)?.groups ?? {};
    if (!path) throw new Error(`"<!-- code:${place}-->" has to be "<!-- code: path#region -->".`);
    blocks += 1;
    const fence = `\`\`\`${language ?? extname(path).replace(/^\.[cm]?/, '')}`;
    return `<!-- code: ${path}#${region} -->\n\n${fence}\n${regionOf(path, region)}\`\`\``;
  });
  return { text, blocks };
}
