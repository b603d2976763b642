import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The full path of a program on PATH or in one of Debian's places for servers; undefined when it is not installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env['PATH'] ?? '').split(':');
  for (const folder of [...folders, ...path, '/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    const file = join(folder || '.', name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}
