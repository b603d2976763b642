import type { Command } from '../command.js';
import { discard } from './discard.js';
import { doctor } from './doctor.js';
import { migrate } from './migrate.js';
import { parked } from './parked.js';
import { redrive } from './redrive.js';
import { replay } from './replay.js';
import { sql } from './sql.js';
import { status } from './status.js';

export const COMMANDS: Readonly<Record<string, Command>> = {
  migrate,
  status,
  sql,
  doctor,
  parked,
  redrive,
  discard,
  replay,
};
