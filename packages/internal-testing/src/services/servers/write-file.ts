import type { Command } from '../contracts.js';

/** Writes a text file in the instance's folder, as the instance's user. */
export function writeFile(file: string, text: string): Command {
  return { file: 'sh', args: ['-c', 'printf "%s\\n" "$2" > "$1"', 'sh', file, text] };
}
