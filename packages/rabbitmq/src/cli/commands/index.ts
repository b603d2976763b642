import type { Command } from '../command.js';
import { exportMessages } from './export.js';
import { groups } from './groups.js';
import { ls } from './ls.js';
import { peek } from './peek.js';
import { purge } from './purge.js';
import { redrive } from './redrive.js';
import { topologyAssert, topologyCheck, topologyPlan } from './topology.js';

export const COMMANDS: Readonly<Record<string, Command>> = {
  'dlq ls': ls,
  'dlq peek': peek,
  'dlq groups': groups,
  'dlq redrive': redrive,
  'dlq export': exportMessages,
  'dlq purge': purge,
  'topology plan': topologyPlan,
  'topology check': topologyCheck,
  'topology assert': topologyAssert,
};
