import type { Command } from '../command.js';
import { forget } from './forget.js';
import { inspect } from './inspect.js';
import { migrate } from './migrate.js';
import { purge } from './purge.js';
import { release } from './release.js';
import { sql } from './sql.js';
import { status } from './status.js';

export const COMMANDS: Readonly<Record<string, Command>> = {
  migrate,
  status,
  sql,
  inspect,
  forget,
  release,
  purge,
};
