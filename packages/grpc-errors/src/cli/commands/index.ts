import type { Command } from '../command.js';
import { catalogue } from './catalogue.js';
import { check } from './check.js';

export const COMMANDS: Readonly<Record<string, Command>> = { catalogue, check };
